import type { DiscoveryFailure, Found } from './fetch-document.js'

export interface FailedFetch {
  failure: DiscoveryFailure
  /** Unix seconds. */
  createdAt: number
}

/** When a failed lookup is reported: at the same time as every other failure, or as soon as it fails. */
export type FailureTime = 'equal' | 'shortest'

/** A lookup for one caller, with the caller's network and how long the lookup may wait. */
export interface Lookup {
  /** The network that the request came from. */
  readonly source: string | undefined
  /**
   * Starts waiting; returns a failure if too many lookups are waiting.
   *
   * @param known whether the document was fetched before
   */
  enter(known: boolean): Found<never> | undefined
  /** Resolves to the result of a fetch, or to a failure if the lookup times out first. */
  within<T>(fetching: Promise<Found<T>>): Promise<Found<T>>
  /** The failure of an earlier fetch. */
  recall(failed: FailedFetch, known: boolean): Found<never>
}

/** The reason for a fetch: on whose behalf it is made, and which document it fetches. */
export interface FetchCause {
  /** The client's network. If undefined, only the overall limits apply. */
  source: string | undefined
  /** Whether the document was fetched before. Refetches are rare, regardless of their cause. */
  known: boolean
  /** The URL of the document. All ports of a host count as one host. */
  url: string
}

/** Limits the rate and concurrency of the fetches that clients can cause (attacks K25). */
export interface FetchBudget {
  /** Starts a fetch. Call `end` when the fetch is done. */
  begin(cause: FetchCause): { end: () => void } | { failure: DiscoveryFailure }
}

/** Limits and delays the lookups of callers. */
export interface LookupGuard {
  readonly budget: FetchBudget
  /** Runs a lookup for one caller and resolves to its outcome, delayed if required. */
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

/** No limits: for programs in which untrusted clients cannot cause fetches. */
export const noGuard: LookupGuard = {
  budget: { begin: () => ({ end: () => undefined }) },
  run: (_remoteAddress, _failureTime, look) => look(openLookup),
}

/** @param retryAfter in seconds; short by default, because it is not known when a slot will be free */
export function busyFailure(message: string, retryAfter = 3): DiscoveryFailure {
  return { reason: 'busy', message, retryAfter }
}

/**
 * Limits on fetches that unauthenticated requests cause, and on waiting lookups (attacks K25). Times are in seconds unless the name says
 * otherwise.
 */
export const guardLimits = {
  /** Number of networks and hosts that are counted separately. */
  sources: 10_000,
  /** Concurrency limits: fetches in progress. */
  fetches: 32,
  /** How many of these fetches may be for documents that were never fetched before. The rest are reserved for known agents. */
  coldFetches: 24,
  coldFetchesPerSource: 4,
  /** The fraction of free slots that one source may take. The last slots go to sources that hold few. */
  newFetchFraction: 0.25,
  /** How many of these fetches may be for documents that were fetched before. The rest are reserved for new agents. */
  knownFetches: 24,
  knownFetchesPerSource: 8,
  fetchesPerHost: 8,
  /** How many of these fetches may be from hosts that were slow: each such fetch holds a slot for seconds rather than milliseconds. */
  slowFetches: 8,
  slowFetchesPerSource: 2,
  slowMilliseconds: 1000,
  /** How long a host counts as slow, in seconds. */
  slowAge: 600,
  /** Queue sizes: lookups that are waiting for a fetch, or for the time to report a failure. */
  waiting: 2000,
  waitingPerSource: 500,
} as const
