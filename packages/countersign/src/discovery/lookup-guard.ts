import type { DiscoveryFailure, Found } from './fetch-document.js'

export interface FailedFetch {
  failure: DiscoveryFailure
  /** Unix seconds. */
  begunAt: number
}

/** When a lookup that failed is answered: as late as every one, or as soon as it failed. */
export type FailureTime = 'equal' | 'shortest'

/** One caller's lookup: who asks, and how long they may wait. */
export interface Lookup {
  /** The network that the request came from. */
  readonly source: string | undefined
  /**
   * Begins to wait; gives the failure where too many do.
   *
   * @param known whether the document was fetched before
   */
  enter(known: boolean): Found<never> | undefined
  /** What comes of a fetch, or that the time of the lookup is over before it. */
  within<T>(fetching: Promise<Found<T>>): Promise<Found<T>>
  /** The failure of an earlier fetch. */
  recall(failed: FailedFetch, known: boolean): Found<never>
}

/** Who makes a fetch necessary, and for what. */
export interface FetchCause {
  /** Undefined where it is not known: only the limits for all together count then. */
  source: string | undefined
  /** Whether the document was fetched before: it is then fetched once in a while, whoever asks. */
  known: boolean
  /** Of the document, with the port where it is another than that of `https`. */
  host: string
}

/** How much may be fetched because strangers ask for it (attacks K25): rate limits and concurrency limits. */
export interface FetchBudget {
  /** Begins a fetch; `end` must be called when it is over. */
  begin(cause: FetchCause): { end: () => void } | { failure: DiscoveryFailure }
}

/** What stands between those who make lookups necessary and the fetches. */
export interface LookupGuard {
  readonly budget: FetchBudget
  /** Makes a lookup for one caller and answers what comes of it, when it is time. */
  run<T>(
    remoteAddress: string | undefined,
    failureTime: FailureTime,
    look: (lookup: Lookup) => Promise<Found<T>>,
  ): Promise<Found<T>>
}

const openLookup: Lookup = {
  source: undefined,
  enter: () => undefined,
  within: (fetching) => fetching,
  recall: ({ failure }) => ({ failure }),
}

/** No guard: for those whom no stranger makes fetch anything. */
export const noGuard: LookupGuard = {
  budget: { begin: () => ({ end: () => undefined }) },
  run: (_remoteAddress, _failureTime, look) => look(openLookup),
}

/** @param retryAfter seconds; soon, where it is not known when a place will be free */
export function busyFailure(message: string, retryAfter = 3): DiscoveryFailure {
  return { reason: 'busy', message, retryAfter }
}

/** Limits of fetches that unauthenticated requests cause, and of lookups that wait (attacks K25). Times are seconds unless they say otherwise. */
export const guardLimits = {
  /** Networks and hosts that are counted separately. */
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
  /** The queue: lookups that wait for a fetch, or for the time to report a failure. */
  waiting: 2000,
  waitingPerSource: 500,
} as const
