import { errorReasons } from '../lib/error-reasons.js'
import { LruCache } from '../lib/lru-cache.js'
import { limits } from './discovery-limits.js'
import type { FetchBudget } from './fetch-budget.js'
import { type FetchDocument, type FetchedDocument, fetchDocument } from './fetch-document.js'
import type { Found } from './found.js'
import type { FailedFetch, Lookup } from './lookup.js'

/** A document to be fetched, and what is made of it. */
export interface DocumentSource<T> {
  /** Of cache and flights: the URL, and as what it is read. A URL read as two things is two documents. */
  key: string
  url: string
  maxBytes: number
  read: (fetched: Extract<FetchedDocument, { document: unknown }>) => { value: T } | { refusal: string }
  fetch: FetchDocument
  /** Its address was configured, and not named by a stranger: it counts for no budget, and is soon asked for again. */
  configured: boolean
}

export interface LoadedDocument<T> {
  value: T
  freshUntil: number
  /** The number of the fetch that brought it. */
  fetched: number
  /** It is no longer fresh, and its origin could not be asked. */
  stale?: true
}

export interface DocumentsOptions {
  now: () => number
  budget: FetchBudget
  /** Seconds. */
  failureAge: number
  /** Called when another document than before may be found. */
  onChange: () => void
}

/** Documents as they were fetched: bounded, one fetch at a time of each, failures remembered for a moment. */
export interface Documents {
  /**
   * The document, fetched when it is not fresh; stale while its origin is down.
   *
   * @param after the number of the fetch that the document must be later than
   */
  load<T>(source: DocumentSource<T>, lookup: Lookup, after?: number): Promise<Found<LoadedDocument<T>>>
  /** The document as it is remembered, fresh or not. */
  find<T>(source: DocumentSource<T>, after?: number): LoadedDocument<T> | undefined
  isLoading(source: DocumentSource<unknown>): boolean
}

interface Flight {
  /** The number of the fetch. */
  fetching: number
  outcome: Promise<Found<LoadedDocument<unknown>>>
}

interface RememberedFailure extends FailedFetch {
  /** The number of the fetch. */
  fetching: number
  failedAt: number
}

/** Characters that are kept of why a fetch failed. */
const longestCause = 200

/** Seconds for which what was configured is not asked for again after it failed. */
const configuredFailureAge = 5

export function createDocuments(options: DocumentsOptions): Documents {
  const { now, budget, failureAge, onChange } = options
  const documents = new LruCache<LoadedDocument<unknown>>(limits.cachedDocuments)
  const largeDocuments = new LruCache<LoadedDocument<unknown>>(limits.cachedLargeDocuments)
  const failures = new LruCache<RememberedFailure>(limits.failures)
  const flights = new Map<string, Flight>()
  let fetches = 0

  function find<T>(source: DocumentSource<T>, after = 0): LoadedDocument<T> | undefined {
    const cached = documents.get(source.key, now()) ?? largeDocuments.get(source.key, now())
    return cached && cached.fetched > after ? (cached as LoadedDocument<T>) : undefined
  }

  // Apart, so that strangers with large documents neither fill the memory nor drive out the small ones that most have.
  function keep(key: string, size: number, loaded: LoadedDocument<unknown>): void {
    const [cache, other] = size > limits.largeDocument ? [largeDocuments, documents] : [documents, largeDocuments]
    cache.set(key, loaded, loaded.freshUntil + limits.staleAge)
    other.delete(key)
  }

  async function load<T>(source: DocumentSource<T>, lookup: Lookup, after = 0): Promise<Found<LoadedDocument<T>>> {
    const cached = find(source, after)
    if (cached && cached.freshUntil > now()) return { found: cached }
    const outcome = await fetchLater(source, lookup, after, cached)
    if ('found' in outcome || !cached) return outcome
    const { reason } = outcome.failure
    // For a moment only: else one who holds a key that was taken out could keep it alive by keeping us busy.
    if (reason === 'busy' && cached.freshUntil + limits.refetchInterval > now()) {
      cached.stale = true
      return { found: cached }
    }
    if (reason !== 'unreachable') return outcome
    cached.stale = true
    // Not asked again at once: else every request would wait for an origin that is down.
    cached.freshUntil = Math.max(cached.freshUntil, now() + limits.refetchInterval)
    return { found: cached }
  }

  async function fetchLater<T>(
    source: DocumentSource<T>,
    lookup: Lookup,
    after: number,
    cached: LoadedDocument<T> | undefined,
  ): Promise<Found<LoadedDocument<T>>> {
    const known = find(source) !== undefined
    const flight = flights.get(source.key)
    if (flight && flight.fetching > after) {
      return lookup.wait(() => flight.outcome as Promise<Found<LoadedDocument<T>>>, known)
    }
    const remembered = recentFailure(source, cached?.fetched ?? after)
    if (remembered) return lookup.recall(remembered, known)
    return lookup.wait(async () => {
      const place = source.configured
        ? { end: () => undefined }
        : budget.begin({ source: lookup.source, known, host: new URL(source.url).host })
      return 'failure' in place ? place : startFlight(source, place.end)
    }, known)
  }

  function recentFailure(source: DocumentSource<unknown>, after: number): RememberedFailure | undefined {
    const remembered = failures.get(source.key, now())
    if (!remembered || remembered.fetching <= after) return undefined
    const age = source.configured ? Math.min(configuredFailureAge, failureAge) : failureAge
    return remembered.failedAt + age > now() ? remembered : undefined
  }

  function startFlight<T>(source: DocumentSource<T>, end: () => void): Promise<Found<LoadedDocument<T>>> {
    const fetching = ++fetches
    const outcome = fetchSource(source, fetching).finally(() => {
      end()
      if (flights.get(source.key) === flight) flights.delete(source.key)
    })
    const flight: Flight = { fetching, outcome }
    flights.set(source.key, flight)
    return outcome
  }

  async function fetchSource<T>(source: DocumentSource<T>, fetching: number): Promise<Found<LoadedDocument<T>>> {
    const begunAt = now()
    const fetched = await readSource(source)
    if ('failure' in fetched) {
      const failedAt = now()
      const { reason, message } = fetched.failure
      // As a text: the error itself would be kept with its stack for each URL that a stranger names.
      const cause = errorReasons(fetched.failure).join(': ').slice(0, longestCause)
      const failure = { reason, message, ...(cause === '' ? {} : { cause }) }
      failures.set(source.key, { failure, fetching, begunAt, failedAt }, failedAt + failureAge)
      return fetched
    }
    const { size, ...found } = fetched.found
    const loaded = { ...found, fetched: fetching }
    const isLatest = (find(source)?.fetched ?? 0) < fetching
    if (isLatest) {
      keep(source.key, size, loaded)
      failures.delete(source.key)
    }
    onChange()
    return { found: loaded }
  }

  async function readSource<T>(
    source: DocumentSource<T>,
  ): Promise<Found<{ value: T; freshUntil: number; size: number }>> {
    const { url, maxBytes, read, fetch } = source
    const fetched = await fetchDocument(url, { fetch, maxBytes, timeout: limits.timeoutMilliseconds })
    if ('refusal' in fetched) {
      const reason = fetched.unreachable ? 'unreachable' : 'refused'
      return { failure: { reason, message: fetched.refusal, cause: fetched.cause } }
    }
    const outcome = read(fetched)
    if ('refusal' in outcome)
      return { failure: { reason: 'refused', message: `${url} is refused: ${outcome.refusal}` } }
    const age = Math.min(Math.max(fetched.maxAge ?? limits.defaultAge, limits.minAge), limits.maxAge)
    return { found: { value: outcome.value, freshUntil: now() + age, size: fetched.size } }
  }

  return { load, find, isLoading: ({ key }) => flights.has(key) }
}
