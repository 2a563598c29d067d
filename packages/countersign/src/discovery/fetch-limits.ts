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
  minAge: 60,
  defaultAge: 300,
  /** However long an origin says: a key that leaked is gone everywhere ten minutes after it was taken out (W32). */
  maxAge: 600,
  /** For requests, while an origin is down; nothing new begins with a stale key. */
  staleAge: 3600,
  reportedAge: 86_400,
  refetchInterval: 60,
} as const
