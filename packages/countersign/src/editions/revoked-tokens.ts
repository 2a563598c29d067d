import { createTally } from '../httpsig/memory-nonces.js'
import { reachedLimit } from '../httpsig/nonces.js'
import { systemClock } from '../lib/clock.js'
import type { RevokedTokens } from './resource-protocol.js'

/** The number of records before another one is added. */
export interface RevocationCounts {
  /** Records of the issuer. */
  ofIssuer: number
  /** Records of all issuers at the same {@link siteOf site}. */
  ofSite: number
  /** Records of the site that has the most. */
  most: number
  all: number
}

/** Maximum number of revoked tokens per issuer. */
const perIssuer = 10_000

/** The interval at which expired records are removed, in seconds. */
const sweepInterval = 60

/**
 * Creates `revokedTokens` that stores up to 10,000 tokens per issuer in this process, each until it has expired. No record is evicted
 * before that.
 *
 * @param now Unix seconds
 * @param total the number of records of all issuers above which only the sites with the most are refused: anyone can run any number of
 * issuers under one domain. The hard limit is twice this number. @default 100000
 */
export function createRevokedTokens(now: () => number = systemClock, total = 100_000): RevokedTokens {
  const records = new Map<string, { issuer: string; until: number }>()
  const issuers = createTally()
  const sites = createTally()
  let sweptAt = Number.NEGATIVE_INFINITY
  const keyOf = (issuer: string, jti: string) => `${issuer} ${jti}`

  function count(issuer: string, by: 1 | -1): void {
    issuers.change(issuer, by)
    sites.change(siteOf(issuer), by)
  }

  function sweep(): void {
    const at = now()
    // Records must still expire if the clock has been set back.
    if (Math.abs(at - sweptAt) < sweepInterval) return
    sweptAt = at
    for (const [key, { issuer, until }] of records) {
      if (until > at) continue
      records.delete(key)
      count(issuer, -1)
    }
  }

  return {
    add(issuer, jti, until) {
      sweep()
      const known = records.get(keyOf(issuer, jti))
      if (known) {
        known.until = Math.max(known.until, until)
        return true
      }
      const counts = {
        ofIssuer: issuers.of(issuer),
        ofSite: sites.of(siteOf(issuer)),
        most: sites.most(),
        all: records.size,
      }
      if (!hasRoom(counts, total)) return false
      records.set(keyOf(issuer, jti), { issuer, until })
      count(issuer, 1)
      return true
    },
    has: (issuer, jti) => (records.get(keyOf(issuer, jti))?.until ?? 0) > now(),
  }
}

/** Whether one more record can be stored. The limits are those of nonces, with sites instead of networks. */
export function hasRoom({ ofIssuer, ofSite, most, all }: RevocationCounts, total: number): boolean {
  const counts = { ofHolder: ofIssuer, ofNetwork: ofSite, most, ofWider: ofSite, mostOfWider: most, all }
  const limits = { perAgent: perIssuer, total, perKey: 0, perNetwork: 0 }
  return reachedLimit({ isAgent: true, ...counts }, limits) === undefined
}

/** The registered domain of an issuer's host, such as `example.com` or `example.co.uk`, without a list of all registries. */
export function siteOf(issuer: string): string {
  const { hostname } = new URL(issuer)
  return /[^.]+\.(?:(?:ac|co|com|edu|gov|ne|net|or|org)\.[a-z]{2}|[^.]+)$/.exec(hostname)?.[0] ?? hostname
}
