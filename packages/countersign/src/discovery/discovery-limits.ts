/** What strangers can make a server fetch, and how it answers when nothing is found (attacks K25). */
export interface DiscoveryLimits {
  /**
   * Fetches of documents not known yet that may begin in a minute, for everybody together; more are refused with 429.
   * @default 3000
   */
  fetchesPerMinute?: number | undefined
  /**
   * The same for one source: an IPv4 address, or the first 64 bits of an IPv6 address. Behind a proxy everybody is one
   * source, unless the server is told how to find the client's address (`clientAddress`). @default 300
   */
  fetchesPerSource?: number | undefined
  /** Seconds for which a document that could not be had is not asked for again. @default 30 */
  failureAge?: number | undefined
  /**
   * Seconds between two fetches of a JWKS for signatures that are not by the key they name: an origin may have published
   * another one under the same `kid`. Anybody can cause them with a signature that is wrong. @default 60
   */
  renewalInterval?: number | undefined
  /**
   * When a lookup that failed is answered. `equal`: 2.5 s after it began, whatever the cause, so that the time does not
   * tell a stranger what there is in a network: a name, a host, a port. `shortest`: as soon as it failed, for tools that
   * ask for themselves and for tests. @default 'equal'
   */
  failureTime?: 'equal' | 'shortest' | undefined
}

/** Limits of design §4. Times are seconds unless they say otherwise. */
export const limits = {
  timeoutMilliseconds: 2500,
  metadataBytes: 16_384,
  jwksBytes: 65_536,
  keys: 100,
  cachedDocuments: 10_000,
  /** Of more characters than `largeDocument`. */
  cachedLargeDocuments: 500,
  largeDocument: 4096,
  failures: 4096,
  sources: 10_000,
  minAge: 60,
  defaultAge: 300,
  /** However long an origin says: a key that leaked is gone everywhere ten minutes after it was taken out (W32). */
  maxAge: 600,
  /** For requests, while an origin is down; nothing new begins with a stale key. */
  staleAge: 3600,
  reportedAge: 86_400,
  refetchInterval: 60,
  /** Fetches at once. */
  fetches: 32,
  /** Of these, for documents not known yet: the rest is kept for agents that are. */
  coldFetches: 24,
  coldFetchesPerSource: 4,
  /** Of these, for documents that were had before: the rest is kept for new agents. */
  knownFetches: 24,
  knownFetchesPerSource: 8,
  fetchesPerHost: 8,
  /** Of these, from hosts that were slow: they hold a place for seconds where others need it for a moment. */
  slowFetches: 8,
  slowFetchesPerSource: 2,
  slowMilliseconds: 1000,
  /** For how long a host that was slow counts as slow. */
  slowAge: 600,
  /** Lookups that wait for a fetch, or for the time to answer. */
  waiting: 2000,
  waitingPerSource: 500,
  busyRetryAfter: 3,
} as const
