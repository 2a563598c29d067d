import { causeMessages } from '../lib/error-reasons.js'
import type { LookupEvent } from '../lib/events.js'
import { LruCache } from '../lib/lru-cache.js'
import {
  cacheSeconds,
  type DiscoveryFailure,
  type FetchDocument,
  type FetchedDocument,
  type Found,
  fetchDocument,
  fetchLimits,
} from './fetch-document.js'
import type { FailedFetch, FetchBudget, Lookup } from './lookup-guard.js'

/** A document to fetch, and how to parse it. */
export interface DocumentSource<T> {
  /** The cache key: the URL, and how the document is parsed. A URL that is parsed in two ways is cached as two documents. */
  key: string
  what: LookupEvent['what']
  url: string
  maxBytes: number
  read: (
    fetched: Extract<FetchedDocument, { document: unknown }>,
  ) => { value: T } | ({ refusal: string } & Pick<DiscoveryFailure, 'self'>)
  fetch: FetchDocument
  /**
   * Whether the URL was configured rather than named by a client. If so, no budget applies, and the document is refetched soon after a
   * failure.
   */
  configured: boolean
}

export interface LoadedDocument<T> {
  value: T
  freshUntil: number
  /** The number of the fetch that returned it. */
  fetched: number
  /** Set if the document has expired and its origin is unreachable. */
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

/** Maximum length of the cached cause of a failed fetch, in characters. */
const longestCause = 200

/** Maximum length of the cause in an event, in characters. */
const longestReason = 512

/** Delay before a configured document is refetched after a failure, in seconds. */
const configuredFailureAge = 5

/** Caches documents by size, so that clients with large documents can neither fill the memory nor evict the many small documents. */
class DocumentCache {
  readonly #small = new LruCache<LoadedDocument<unknown>>(fetchLimits.cachedDocuments)
  readonly #large = new LruCache<LoadedDocument<unknown>>(fetchLimits.cachedLargeDocuments)

  get(key: string, now: number): LoadedDocument<unknown> | undefined {
    return this.#small.get(key, now) ?? this.#large.get(key, now)
  }

  keep(key: string, size: number, loaded: LoadedDocument<unknown>): void {
    this.#small.delete(key)
    this.#large.delete(key)
    const cache = size > fetchLimits.largeDocument ? this.#large : this.#small
    cache.set(key, loaded, loaded.freshUntil + fetchLimits.staleAge)
  }
}

export interface DocumentsOptions {
  /** Returns the current time in Unix seconds. */
  now: () => number
  budget: FetchBudget
  /** How long a failed fetch is cached, in seconds. */
  failureAge: number
  /** Called for every document lookup. */
  onLookup?: ((lookup: Omit<LookupEvent, 'role'>) => void) | undefined
}

/** A bounded cache of fetched documents, with one fetch at a time per document. Failures are cached briefly. */
export class Documents {
  /** The number of fetches that may have returned a changed document. Values derived before the last such fetch are out of date. */
  changes = 0
  readonly #options: DocumentsOptions
  readonly #documents = new DocumentCache()
  readonly #failures = new LruCache<RememberedFailure>(fetchLimits.failures)
  readonly #flights = new Map<string, Flight>()
  #fetches = 0

  constructor(options: DocumentsOptions) {
    this.#options = options
  }

  /** Returns the cached document, fresh or stale, if a later fetch than the one with this number returned it. */
  find<T>({ key }: DocumentSource<T>, laterThan = 0): LoadedDocument<T> | undefined {
    const cached = this.#documents.get(key, this.#options.now())
    return cached && cached.fetched > laterThan ? (cached as LoadedDocument<T>) : undefined
  }

  isLoading({ key }: DocumentSource<unknown>): boolean {
    return this.#flights.has(key)
  }

  /** Returns the document, fetching it first if the cached one has expired. While its origin is down, returns the stale document. */
  async load<T>(source: DocumentSource<T>, lookup: Lookup, laterThan = 0): Promise<Found<LoadedDocument<T>>> {
    const { now, onLookup } = this.#options
    if (!onLookup) return this.#load(source, lookup, laterThan)
    const start = performance.now()
    const loading = this.#load(source, lookup, laterThan)
    const cached = !this.isLoading(source)
    const outcome = await loading
    onLookup(lookupEvent(source, outcome, cached, start, this.#failures.get(source.key, now())?.failure))
    return outcome
  }

  async #load<T>(source: DocumentSource<T>, lookup: Lookup, laterThan: number): Promise<Found<LoadedDocument<T>>> {
    const { now } = this.#options
    const cached = this.find(source, laterThan)
    if (cached && cached.freshUntil > now()) return { found: cached }
    const outcome = await this.#fetchLater(source, lookup, laterThan, cached)
    if ('found' in outcome || !cached) return outcome
    const { reason } = outcome.failure
    // Only briefly: otherwise, an attacker with a removed key could keep it valid by keeping this server busy.
    const isBusy = reason === 'busy' && cached.freshUntil + fetchLimits.refetchInterval > now()
    if (!isBusy && reason !== 'unreachable') return outcome
    cached.stale = true
    // Not refetched immediately: otherwise, every request would wait for an origin that is down.
    if (!isBusy) cached.freshUntil = Math.max(cached.freshUntil, now() + fetchLimits.refetchInterval)
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
    const { now, failureAge } = this.#options
    const remembered = this.#failures.get(source.key, now())
    if (!remembered || remembered.fetching <= laterThan) return undefined
    const age = source.configured ? Math.min(configuredFailureAge, failureAge) : failureAge
    return remembered.failedAt + age > now() ? remembered : undefined
  }

  async #begin<T>(
    source: DocumentSource<T>,
    caller: string | undefined,
    known: boolean,
  ): Promise<Found<LoadedDocument<T>>> {
    const { budget } = this.#options
    const { configured, url } = source
    const spent = configured ? undefined : budget.begin({ source: caller, known, url })
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
    const { now, failureAge } = this.#options
    const createdAt = now()
    const fetched = await readDocument(source, now)
    if ('failure' in fetched) {
      const failedAt = now()
      const failure = withCauseAsText(fetched.failure)
      this.#failures.set(source.key, { failure, fetching, createdAt, failedAt }, failedAt + failureAge)
      return fetched
    }
    const { size, ...found } = fetched.found
    const loaded = { ...found, fetched: fetching }
    if ((this.find(source)?.fetched ?? 0) < fetching) {
      this.#documents.keep(source.key, size, loaded)
      this.#failures.delete(source.key)
    }
    this.changes++
    return { found: loaded }
  }
}

/** Omits the error object, which would be cached with its stack for each URL that a client names. */
function withCauseAsText(failure: DiscoveryFailure): DiscoveryFailure {
  const { reason, message } = failure
  const cause = causeMessages(failure).join(': ').slice(0, longestCause)
  return { reason, message, ...(cause === '' ? {} : { cause }) }
}

async function readDocument<T>(
  { url, maxBytes, read, fetch }: DocumentSource<T>,
  now: () => number,
): Promise<Found<{ value: T; freshUntil: number; size: number }>> {
  const fetched = await fetchDocument(url, { fetch, maxBytes, timeout: fetchLimits.timeoutMilliseconds })
  if ('refusal' in fetched) {
    const reason = fetched.unreachable ? 'unreachable' : 'refused'
    return { failure: { reason, message: fetched.refusal, cause: fetched.cause } }
  }
  const outcome = read(fetched)
  if ('refusal' in outcome) {
    const { refusal, self } = outcome
    return { failure: { reason: 'refused', message: `${url} is refused: ${refusal}`, self } }
  }
  return { found: { value: outcome.value, freshUntil: now() + cacheSeconds(fetched.maxAge), size: fetched.size } }
}

interface LoadOutcome {
  found: LoadedDocument<unknown>
  failure: DiscoveryFailure | undefined
}

function lookupEvent(
  { what, url }: DocumentSource<unknown>,
  outcome: Found<LoadedDocument<unknown>>,
  cached: boolean,
  start: number,
  lastFailure: DiscoveryFailure | undefined,
): Omit<LookupEvent, 'role'> {
  const { found, failure = found?.stale && lastFailure }: Partial<LoadOutcome> = outcome
  return {
    kind: 'lookup',
    what,
    host: new URL(url).host,
    outcome: found ? (found.stale ? 'stale' : 'found') : (failure?.reason as LookupEvent['outcome']),
    cached,
    duration: (performance.now() - start) / 1000,
    reason: failure && [failure.message, ...causeMessages(failure)].join(': ').slice(0, longestReason),
  }
}
