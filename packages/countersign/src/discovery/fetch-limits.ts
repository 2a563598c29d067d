/** Limits of what is fetched. Times are seconds unless they say otherwise. */
export const fetchLimits = {
  timeoutMilliseconds: 2500,
  metadataBytes: 16_384,
  jwksBytes: 65_536,
  /** In one JWKS. */
  keys: 100,
  /** Cache bounds. */
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
  /** Concurrency limits: fetches at once. */
  fetches: 32,
  /** Of these, for documents not known yet: the rest is kept for agents that are. */
  coldFetches: 24,
  coldFetchesPerSource: 4,
  /** Of the places that are left, for one source: the last ones are for those who have few. */
  coldPartPerSource: 1 / 4,
  /** Of these, for documents that were fetched before: the rest is kept for new agents. */
  knownFetches: 24,
  knownFetchesPerSource: 8,
  fetchesPerHost: 8,
  /** Of these, from hosts that were slow: they take seconds where others take a moment. */
  slowFetches: 8,
  slowFetchesPerSource: 2,
  slowMilliseconds: 1000,
  /** For how long a host that was slow counts as slow. */
  slowAge: 600,
  /** The queue: lookups that wait for a fetch, or for the time to answer. */
  waiting: 2000,
  waitingPerSource: 500,
} as const
