/** How much is fetched at once because strangers ask for it (attacks K25), and how many may wait. Times are seconds unless they say otherwise. */
export const guardLimits = {
  /** Networks and hosts that are told apart. */
  sources: 10_000,
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
