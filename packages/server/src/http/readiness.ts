import { KeyError } from '../secrets/server-keys.js'
import { requireOwnDatabase, requireSameTime } from '../storage/api/deployment-storage.js'
import type { ServerContext } from './context.js'

/** Milliseconds for which an outcome stands, so that asking often costs little. */
const outcomeAge = 1000
/** Milliseconds that a signature may take: the key may be with a service. The database has a bound of its own. */
const patience = 2000

type ReadinessParts = Pick<ServerContext, 'issuer' | 'storage' | 'keys' | 'now'> & {
  lifetimes: Pick<ServerContext['lifetimes'], 'authToken'>
}

/**
 * Creates what really tries whether the server can do its work: a write to the database, which must be this issuer's and
 * of the same time, and a signature. At most one try a second; it rejects with what went wrong.
 */
export function createReadiness(
  { issuer, storage, keys, now, lifetimes }: ReadinessParts,
  clock: () => number = () => performance.now(),
): () => Promise<void> {
  let tried: { at: number; outcome: Promise<void> } | undefined
  let trying = false
  let signing: Promise<unknown> | undefined

  async function sign(): Promise<void> {
    const signer = await keys.signer()
    await signer.sign('ready')
  }

  async function trySigning(): Promise<void> {
    signing ??= sign().finally(() => {
      signing = undefined
    })
    try {
      await within(patience, signing)
    } catch (cause) {
      throw new KeyError('cannot_sign', 'The key of this server does not sign.', { cause })
    }
  }

  async function tryAll(): Promise<void> {
    try {
      await requireOwnDatabase(storage, issuer, lifetimes.authToken)
      await requireSameTime(storage, now)
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
    timer = setTimeout(() => reject(new Error(`nothing within ${milliseconds} ms`)), milliseconds)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
