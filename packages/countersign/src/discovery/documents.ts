import { errorReasons } from '../lib/error-reasons.js'
import type { LookupEvent } from '../lib/events.js'
import { LruCache } from '../lib/lru-cache.js'
import {
  type FetchDocument,
  type FetchedDocument,
  type Found,
  fetchDocument,
  fetchLimits,
  keptSeconds,
} from './fetch-document.js'
import type { FailedFetch, FetchBudget, Lookup } from './lookup-guard.js'

/** A document to be fetched, and what is made of it. */
export interface DocumentSource<T> {
  /** Of cache and flights: the URL, and as what it is read. A URL read as two things is two documents. */
  key: string
  what: LookupEvent['what']
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

/** Characters that are told of it. */
const longestReason = 512

/** Seconds for which what was configured is not asked for again after it failed. */
const configuredFailureAge = 5

/** Documents as they were fetched: bounded, one fetch at a time of each, failures remembered for a moment. */
export class Documents {
  /** How often another document than before may have been found: what was made of them before is out of date. */
  changes = 0
  readonly #now: () => number
  readonly #budget: FetchBudget
  readonly #failureAge: number
  readonly #onLookup: ((lookup: Omit<LookupEvent, 'role'>) => void) | undefined
  readonly #small = new LruCache<LoadedDocument<unknown>>(fetchLimits.cachedDocuments)
  // Apart, so that strangers with large documents neither fill the memory nor drive out the small ones that most have.
  readonly #large = new LruCache<LoadedDocument<unknown>>(fetchLimits.cachedLargeDocuments)
  readonly #failures = new LruCache<RememberedFailure>(fetchLimits.failures)
  readonly #flights = new Map<string, Flight>()
  #fetches = 0

  /**
   * @param failureAge seconds for which a failed fetch is remembered
   * @param onLookup told of every document that is needed
   */
  constructor(
    now: () => number,
    budget: FetchBudget,
    failureAge: number,
    onLookup?: (lookup: Omit<LookupEvent, 'role'>) => void,
  ) {
    this.#now = now
    this.#budget = budget
    this.#failureAge = failureAge
    this.#onLookup = onLookup
  }

  /**
   * The document as it is remembered, fresh or not.
   *
   * @param laterThan the number of the fetch that the document must be later than
   */
  find<T>({ key }: DocumentSource<T>, laterThan = 0): LoadedDocument<T> | undefined {
    const cached = this.#small.get(key, this.#now()) ?? this.#large.get(key, this.#now())
    return cached && cached.fetched > laterThan ? (cached as LoadedDocument<T>) : undefined
  }

  isLoading({ key }: DocumentSource<unknown>): boolean {
    return this.#flights.has(key)
  }

  /** The document, fetched when it is not fresh; stale while its origin is down. */
  async load<T>(source: DocumentSource<T>, lookup: Lookup, laterThan = 0): Promise<Found<LoadedDocument<T>>> {
    if (!this.#onLookup) return this.#load(source, lookup, laterThan)
    const began = performance.now()
    const loading = this.#load(source, lookup, laterThan)
    const cached = !this.isLoading(source)
    const outcome = await loading
    const { what, key, url } = source
    const isFailed = 'failure' in outcome
    const failure = isFailed ? outcome.failure : outcome.found.stale && this.#failures.get(key, this.#now())?.failure
    this.#onLookup({
      kind: 'lookup',
      what,
      host: new URL(url).host,
      outcome: isFailed ? (outcome.failure.reason as LookupEvent['outcome']) : outcome.found.stale ? 'stale' : 'found',
      cached,
      duration: (performance.now() - began) / 1000,
      reason: failure && [failure.message, ...errorReasons(failure)].join(': ').slice(0, longestReason),
    })
    return outcome
  }

  async #load<T>(source: DocumentSource<T>, lookup: Lookup, laterThan: number): Promise<Found<LoadedDocument<T>>> {
    const cached = this.find(source, laterThan)
    if (cached && cached.freshUntil > this.#now()) return { found: cached }
    const outcome = await this.#fetchLater(source, lookup, laterThan, cached)
    if ('found' in outcome || !cached) return outcome
    const { reason } = outcome.failure
    // For a moment only: else one who holds a key that was taken out could keep it alive by keeping us busy.
    if (reason === 'busy' && cached.freshUntil + fetchLimits.refetchInterval > this.#now()) {
      cached.stale = true
      return { found: cached }
    }
    if (reason !== 'unreachable') return outcome
    cached.stale = true
    // Not asked again at once: else every request would wait for an origin that is down.
    cached.freshUntil = Math.max(cached.freshUntil, this.#now() + fetchLimits.refetchInterval)
    return { found: cached }
  }

  async #fetchLater<T>(
    source: DocumentSource<T>,
    lookup: Lookup,
    laterThan: number,
    cached: LoadedDocument<T> | undefined,
  ): Promise<Found<LoadedDocument<T>>> {
    const known = this.find(source) !== undefined
    const flight = this.#flights.get(source.key)
    const isUnderWay = flight !== undefined && flight.fetching > laterThan
    const remembered = isUnderWay ? undefined : this.#recentFailure(source, cached?.fetched ?? laterThan)
    if (remembered) return lookup.recall(remembered, known)
    const full = lookup.enter(known)
    if (full) return full
    return lookup.within(
      isUnderWay ? (flight.outcome as Promise<Found<LoadedDocument<T>>>) : this.#begin(source, lookup.source, known),
    )
  }

  #recentFailure(source: DocumentSource<unknown>, laterThan: number): RememberedFailure | undefined {
    const remembered = this.#failures.get(source.key, this.#now())
    if (!remembered || remembered.fetching <= laterThan) return undefined
    const age = source.configured ? Math.min(configuredFailureAge, this.#failureAge) : this.#failureAge
    return remembered.failedAt + age > this.#now() ? remembered : undefined
  }

  async #begin<T>(
    source: DocumentSource<T>,
    asker: string | undefined,
    known: boolean,
  ): Promise<Found<LoadedDocument<T>>> {
    const spent = source.configured
      ? undefined
      : this.#budget.begin({ source: asker, known, host: new URL(source.url).host })
    if (spent && 'failure' in spent) return spent
    const fetching = ++this.#fetches
    const outcome = this.#fetch(source, fetching).finally(() => {
      spent?.end()
      if (this.#flights.get(source.key) === flight) this.#flights.delete(source.key)
    })
    const flight: Flight = { fetching, outcome }
    this.#flights.set(source.key, flight)
    return outcome
  }

  async #fetch<T>(source: DocumentSource<T>, fetching: number): Promise<Found<LoadedDocument<T>>> {
    const begunAt = this.#now()
    const fetched = await this.#read(source)
    if ('failure' in fetched) {
      const failedAt = this.#now()
      const { reason, message } = fetched.failure
      // As a text: the error itself would be kept with its stack for each URL that a stranger names.
      const cause = errorReasons(fetched.failure).join(': ').slice(0, longestCause)
      const failure = { reason, message, ...(cause === '' ? {} : { cause }) }
      this.#failures.set(source.key, { failure, fetching, begunAt, failedAt }, failedAt + this.#failureAge)
      return fetched
    }
    const { size, ...found } = fetched.found
    const loaded = { ...found, fetched: fetching }
    const isLatest = (this.find(source)?.fetched ?? 0) < fetching
    if (isLatest) {
      this.#keep(source.key, size, loaded)
      this.#failures.delete(source.key)
    }
    this.changes++
    return { found: loaded }
  }

  #keep(key: string, size: number, loaded: LoadedDocument<unknown>): void {
    const [cache, other] = size > fetchLimits.largeDocument ? [this.#large, this.#small] : [this.#small, this.#large]
    cache.set(key, loaded, loaded.freshUntil + fetchLimits.staleAge)
    other.delete(key)
  }

  async #read<T>(source: DocumentSource<T>): Promise<Found<{ value: T; freshUntil: number; size: number }>> {
    const { url, maxBytes, read, fetch } = source
    const fetched = await fetchDocument(url, { fetch, maxBytes, timeout: fetchLimits.timeoutMilliseconds })
    if ('refusal' in fetched) {
      const reason = fetched.unreachable ? 'unreachable' : 'refused'
      return { failure: { reason, message: fetched.refusal, cause: fetched.cause } }
    }
    const outcome = read(fetched)
    if ('refusal' in outcome)
      return { failure: { reason: 'refused', message: `${url} is refused: ${outcome.refusal}` } }
    const age = keptSeconds(fetched.maxAge)
    return { found: { value: outcome.value, freshUntil: this.#now() + age, size: fetched.size } }
  }
}
