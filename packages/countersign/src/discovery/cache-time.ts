import { fetchLimits } from './fetch-limits.js'

/** Seconds that a document or a key set is kept after it was fetched, by how long its origin says that it is fresh (W32). */
export function keptSeconds(freshness: number | undefined): number {
  return Math.min(Math.max(freshness ?? fetchLimits.defaultAge, fetchLimits.minAge), fetchLimits.maxAge)
}

/** The most seconds that anybody keeps a document after its origin answered with another one (W32). */
export function longestKept(headers: Headers): number {
  return keptSeconds(lifetimeOf(headers))
}

/** Seconds for which an answer says it is still fresh (RFC 9111 §4.2, for a private cache); undefined where it does not say. */
export function freshnessOf(headers: Headers): number | undefined {
  const lifetime = lifetimeOf(headers)
  return lifetime === undefined ? undefined : Math.max(0, lifetime - ageOf(headers))
}

function lifetimeOf(headers: Headers): number | undefined {
  const control = headers.get('cache-control') ?? ''
  if (/(?:^|[\s,])no-(?:store|cache)(?:$|[\s,=])/i.test(control)) return 0
  const seconds = /(?:^|[\s,])max-age="?(\d{1,10})"?/i.exec(control)?.[1]
  if (seconds !== undefined) return Number(seconds)
  const expires = headers.get('expires')
  if (expires === null) return undefined
  const [from, until] = [Date.parse(headers.get('date') ?? ''), Date.parse(expires)]
  // An Expires that is no date, such as 0, is over (RFC 9111 §5.3).
  return Number.isNaN(until) || Number.isNaN(from) ? 0 : Math.max(0, (until - from) / 1000)
}

/** What caches on the way have used of it. */
function ageOf(headers: Headers): number {
  const age = headers.get('age') ?? ''
  return /^\d{1,10}$/.test(age) ? Number(age) : 0
}
