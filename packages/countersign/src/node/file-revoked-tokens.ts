import type { RevokedTokens } from '../editions/resource-protocol.js'
import { createRevokedTokens } from '../editions/revoked-tokens.js'
import { systemClock } from '../lib/clock.js'
import { AAuthError } from '../lib/errors.js'
import { openExpiringFiles } from './expiring-files.js'

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
  const counted = createRevokedTokens(now, total)
  const files = openExpiringFiles<StoredRevocation>(folder, {
    now,
    recordIn: ({ issuer = '', jti, until }) =>
      typeof jti === 'string' && typeof until === 'number' && URL.canParse(issuer) ? { issuer, jti, until } : undefined,
    count: ({ issuer, jti, until }) => counted.add(issuer, jti, until),
  })
  const nameOf = (issuer: string, jti: string) => JSON.stringify([issuer, jti])

  return {
    add: (issuer, jti, until) =>
      orUnavailable(async () => {
        await files.sweep()
        if (!(await counted.add(issuer, jti, until))) return false
        const there = await files.read(nameOf(issuer, jti))
        if (there && there !== 'damaged' && there.until >= until) return true
        await files.write(nameOf(issuer, jti), { issuer, jti, until })
        return true
      }),
    has: (issuer, jti) =>
      orUnavailable(async () => {
        if (await counted.has(issuer, jti)) return true
        const there = await files.read(nameOf(issuer, jti))
        // A damaged record still revokes its token.
        return there === 'damaged' || (there !== undefined && there.until > now())
      }),
  }
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
