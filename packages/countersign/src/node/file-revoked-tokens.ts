import { readdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { RevokedTokens } from '../editions/resource-protocol.js'
import { createRevokedTokens } from '../editions/revoked-tokens.js'
import { systemClock } from '../lib/clock.js'
import { parseJson } from '../lib/encodings.js'
import { AAuthError } from '../lib/errors.js'
import { nameOf, removeAbandoned } from './file-store.js'
import { openPrivateFolder, readPrivateFile, unlessMissing, writePrivateFile } from './private-files.js'

export interface FileRevokedTokensOptions {
  /**
   * Number of revoked tokens of all issuers above which only the domains with the most are refused, with all their subdomains; the hard
   * limit is twice this number. Each process counts the records of other processes once per minute.
   * @default 100000
   */
  total?: number | undefined
  /** Unix seconds. @default the system clock */
  now?: (() => number) | undefined
}

/** How often the folder is read again, in seconds: expired records are removed, and those of other processes are counted. */
const sweepInterval = 60

interface StoredRevocation {
  issuer: string
  jti: string
  /** Unix seconds. */
  until: number
}

/**
 * Creates `revokedTokens` that survive restarts, and that the processes of one machine share, for editions in which issuers report them: up
 * to 10,000 per issuer, each in a small file until its token has expired. No record is evicted before that. A record is on disk when the
 * issuer receives the response. If the folder cannot be read or written, revocations and requests with a token are refused (503).
 *
 * @param folder created if missing; readable only by its owner. Do not use it for anything else
 * @throws FileStoreError if the folder cannot be created, if others have access to it, or if another user owns it
 *
 * @example const resource = createResource({ edition, id, signer, authServers, revokedTokens: fileRevokedTokens('/var/lib/api/revoked') })
 */
export function fileRevokedTokens(folder: string, options: FileRevokedTokensOptions = {}): RevokedTokens {
  const { total, now = systemClock } = options
  const root = resolve(folder)
  openPrivateFolder(root)
  const counted = createRevokedTokens(now, total)
  /** The expiry of each record that this process has counted, by file name. */
  const known = new Map<string, number>()
  const fileOf = (issuer: string, jti: string) => `${nameOf(JSON.stringify([issuer, jti]))}.json`
  let sweptAt = Number.NEGATIVE_INFINITY
  let sweeping: Promise<void> | undefined

  async function sweepFile(file: string): Promise<void> {
    const path = join(root, file)
    if (!file.endsWith('.json')) return removeAbandoned(path)
    if ((known.get(file) ?? 0) > now()) return
    const record = await readRevocation(path)
    if (!record || record === 'damaged') return
    if (record.until <= now()) {
      known.delete(file)
      await rm(path, { force: true })
      return
    }
    known.set(file, record.until)
    await counted.add(record.issuer, record.jti, record.until)
  }

  async function sweep(): Promise<void> {
    // Records must still expire if the clock has been set back.
    if (Math.abs(now() - sweptAt) < sweepInterval) return
    const at = now()
    for (const file of (await unlessMissing(readdir(root))) ?? []) await sweepFile(file)
    sweptAt = at
  }

  /** Concurrent calls share one sweep. */
  function swept(): Promise<void> {
    sweeping ??= sweep().finally(() => {
      sweeping = undefined
    })
    return sweeping
  }

  return {
    add: (issuer, jti, until) =>
      orUnavailable(async () => {
        await swept()
        if (!(await counted.add(issuer, jti, until))) return false
        const file = fileOf(issuer, jti)
        const there = await readRevocation(join(root, file))
        if (there && there !== 'damaged' && there.until >= until) return true
        await writePrivateFile(join(root, file), JSON.stringify({ issuer, jti, until } satisfies StoredRevocation))
        known.set(file, until)
        return true
      }),
    has: (issuer, jti) =>
      orUnavailable(async () => {
        if (await counted.has(issuer, jti)) return true
        const there = await readRevocation(join(root, fileOf(issuer, jti)))
        // A damaged record still revokes its token.
        return there === 'damaged' || (there !== undefined && there.until > now())
      }),
  }
}

async function readRevocation(path: string): Promise<StoredRevocation | 'damaged' | undefined> {
  const text = await readPrivateFile(path)
  if (text === undefined) return undefined
  const { issuer, jti, until } = Object(parseJson(text)) as Partial<StoredRevocation>
  const isComplete = typeof jti === 'string' && typeof until === 'number' && URL.canParse(issuer ?? '')
  return isComplete ? { issuer: issuer as string, jti, until } : 'damaged'
}

async function orUnavailable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new AAuthError('unavailable', 'The store of revoked tokens cannot be read or written.', {
      retryAfter: 5,
      cause,
    })
  }
}
