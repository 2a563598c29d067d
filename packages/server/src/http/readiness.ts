import { KeyError } from '../secrets/server-keys.js'
import { requireClockInSync, requireOwnDatabase } from '../storage/api/deployment-storage.js'
import type { ServerContext } from './context.js'

/** How long a result is reused, in milliseconds, so that frequent checks cost little. */
const outcomeAge = 1000
/** Timeout for a signature, in milliseconds: the key may be held by a remote service. The database has its own timeout. */
const patience = 2000

type ReadinessParts = Pick<ServerContext, 'issuer' | 'storage' | 'signingKeys' | 'now'> & {
  lifetimes: Pick<ServerContext['lifetimes'], 'authToken'>
}

/**
 * Creates the readiness check, which performs real work: a signature with each edition's key, and a write to the database, which must
 * belong to this issuer and agree with its clock. It runs at most once a second and rejects with the failure.
 */
export function createReadiness(
  { issuer, storage, signingKeys, now, lifetimes }: ReadinessParts,
  clock: () => number = () => performance.now(),
): () => Promise<void> {
  let tried: { at: number; outcome: Promise<void> } | undefined
  let trying = false
  let signing: Promise<unknown> | undefined

  async function sign(): Promise<void> {
    for (const keys of signingKeys.values()) {
      const signer = await keys.signer()
      await signer.sign('ready')
    }
  }

  async function trySigning(): Promise<void> {
    signing ??= sign().finally(() => {
      signing = undefined
    })
    try {
      await within(patience, signing)
    } catch (cause) {
      throw new KeyError('cannot_sign', 'The signing key is unavailable: run countersign doctor --config <file>.', {
        cause,
      })
    }
  }

  async function tryAll(): Promise<void> {
    try {
      await requireOwnDatabase(storage, issuer, lifetimes.authToken)
      await requireClockInSync(storage, now)
      await trySigning()
    } finally {
      trying = false
    }
  }

  return function isReady() {
    if (tried && (trying || clock() - tried.at < outcomeAge)) return tried.outcome
    trying = true
    tried = { at: clock(), outcome: tryAll() }
    return tried.outcome
  }
}

async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no result within ${milliseconds} ms`)), milliseconds)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
