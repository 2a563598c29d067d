import { createGuardedFetch } from '#guarded-fetch'
import { systemClock } from '../lib/clock.js'
import { AAuthError } from '../lib/errors.js'
import { importVerificationKey, type VerificationKey } from '../lib/jwk.js'
import { LruCache } from '../lib/lru-cache.js'
import { type IdentifierOptions, identifierProblem, isIdentifier } from '../protocol/identifier.js'
import {
  isFetchableUrl,
  type MetadataByKind,
  type MetadataKind,
  metadataUrl,
  parseMetadata,
} from '../protocol/metadata.js'
import { type FetchDocument, type FetchedDocument, fetchDocument } from './fetch-document.js'

export interface DiscoveryOptions extends IdentifierOptions {
  /** @default a guarded fetch: `https` only, public addresses only, no redirects */
  fetch?: FetchDocument
  /** Unix seconds. @default the system clock */
  now?: () => number
  /** Told when a JWKS publishes the private part of a key: that key is worth nothing any more (attacks K18). */
  onPrivateKey?: (jwksUri: string, kid: string | undefined) => void
  /** Public keys of our own identifiers by metadata URL, so that nothing is fetched from ourselves (attacks K28). */
  local?: ReadonlyMap<string, () => Promise<readonly object[]>>
}

/** Why no document or key was found; the caller decides which error that is. */
export interface DiscoveryFailure {
  /**
   * `unreachable`: the origin did not answer, and nothing usable is cached; `refused`: what it answered is not
   * acceptable; `busy`: too much is being fetched already.
   */
  reason: 'unreachable' | 'refused' | 'unknown_kid' | 'busy'
  message: string
  cause?: unknown
}

export type Found<T> = { found: T } | { failure: DiscoveryFailure }

/** Finds documents and keys where identifiers point (S§8, design §4). Holds bounded caches. */
export interface Discovery {
  /** The document of an identifier. */
  findMetadata<K extends MetadataKind>(kind: K, identifier: string): Promise<Found<MetadataByKind[K]>>
  /** The key named `kid` in the JWKS that the identifier's document names. */
  findKey(kind: MetadataKind, identifier: string, kid: string): Promise<Found<VerificationKey>>
  /** The same key at once, where it was found before and everything it was found by is still fresh. */
  peekKey(kind: MetadataKind, identifier: string, kid: string): VerificationKey | undefined
  /** The key named `kid` in the JWKS at a URL. */
  findKeyAt(jwksUri: string, kid: string): Promise<Found<VerificationKey>>
  /**
   * Forgets what is known of an identifier, as though it had never been asked: its documents, the keys that they lead
   * to, and lookups that failed. What is on its way does not count either, and nothing is served stale. For an operator
   * who knows that a key was taken out, and cannot wait for `max-age` (attacks K22).
   */
  forget(identifier: string): void
  /** Grows with each {@link Discovery.forget}: what was made of a key before is to be made again. */
  readonly forgotten: number
}

const limits = {
  timeout: 2500,
  metadataBytes: 16_384,
  jwksBytes: 65_536,
  keys: 100,
  cachedDocuments: 10_000,
  minAge: 60,
  defaultAge: 300,
  maxAge: 86_400,
  staleAge: 86_400,
  refetchInterval: 60,
  flights: 32,
}

interface CachedDocument<T> {
  value: T
  freshUntil: number
  /** The number of the fetch that brought it. */
  fetched: number
}

interface Flight {
  /** The number of the fetch. */
  fetching: number
  outcome: Promise<Found<CachedDocument<unknown>>>
}

type JwksEntry = (kid: string) => Promise<Found<VerificationKey>>

/** A document to be fetched, and what is made of it. */
interface Source<T> {
  /** Of cache and flights: the URL, and as what it is read. A URL read as two things is two documents. */
  key: string
  url: string
  maxBytes: number
  read: (fetched: Extract<FetchedDocument, { document: unknown }>) => { value: T } | { refusal: string }
}

/** Creates a discovery with its own caches; share one per process. */
export function createDiscovery(options: DiscoveryOptions = {}): Discovery {
  const now = options.now ?? systemClock
  const fetch = options.fetch ?? createGuardedFetch(options)
  const documents = new LruCache<CachedDocument<unknown>>(limits.cachedDocuments)
  const flights = new Map<string, Flight>()
  const lastRefetch = new LruCache<true>(limits.cachedDocuments)
  /** How many fetches were started: the number of the last one. */
  let fetches = 0
  /** How often a document was fetched or forgotten: a key found meanwhile may be one that is gone. */
  let changes = 0
  let forgotten = 0
  /** The last fetch before each identifier was forgotten; documents of that time count for it no more. */
  const forgottenAt = new LruCache<number>(limits.cachedDocuments)
  /** Found keys by all that led to them; emptied whenever a document changes. */
  const foundKeys = new LruCache<VerificationKey>(limits.cachedDocuments)

  function cachedDocument<T>(source: Source<T>, after = 0): CachedDocument<T> | undefined {
    const cached = documents.get(source.key, now()) as CachedDocument<T> | undefined
    return cached && cached.fetched > after ? cached : undefined
  }

  /** @param after the number of the fetch that the document must be later than */
  async function load<T>(source: Source<T>, after = 0): Promise<Found<CachedDocument<T>>> {
    const cached = cachedDocument(source, after)
    if (cached && cached.freshUntil > now()) return { found: cached }
    const flight = flights.get(source.key)
    const joined = flight && flight.fetching > after ? flight : startFlight(source)
    const outcome = (await joined.outcome) as Found<CachedDocument<T>>
    if ('found' in outcome || !cached) return outcome
    const { reason } = outcome.failure
    if (reason === 'busy') return { found: cached }
    if (reason !== 'unreachable') return outcome
    // Not asked again at once: else every request would wait for an origin that is down.
    cached.freshUntil = Math.max(cached.freshUntil, now() + limits.refetchInterval)
    return { found: cached }
  }

  function startFlight<T>(source: Source<T>): Pick<Flight, 'outcome'> {
    if (flights.size >= limits.flights) {
      const failure = { reason: 'busy', message: `${limits.flights} documents are being fetched` } as const
      return { outcome: Promise.resolve({ failure }) }
    }
    const fetching = ++fetches
    const outcome = fetchSource(source, fetching).finally(() => {
      if (flights.get(source.key) === flight) flights.delete(source.key)
    })
    const flight: Flight = { fetching, outcome }
    flights.set(source.key, flight)
    return flight
  }

  async function fetchSource<T>(
    { key, url, maxBytes, read }: Source<T>,
    fetching: number,
  ): Promise<Found<CachedDocument<T>>> {
    const fetched = await fetchDocument(url, { fetch, maxBytes, timeout: limits.timeout })
    if ('refusal' in fetched) {
      const reason = fetched.unreachable ? 'unreachable' : 'refused'
      return { failure: { reason, message: fetched.refusal, cause: fetched.cause } }
    }
    const outcome = read(fetched)
    if ('refusal' in outcome)
      return { failure: { reason: 'refused', message: `${url} is refused: ${outcome.refusal}` } }
    const age = Math.min(Math.max(fetched.maxAge ?? limits.defaultAge, limits.minAge), limits.maxAge)
    const entry = { value: outcome.value, freshUntil: now() + age, fetched: fetching }
    const isLatest = (documents.get(key, now())?.fetched ?? 0) < fetching
    if (isLatest) documents.set(key, entry, entry.freshUntil + limits.staleAge)
    foundKeys.clear()
    changes++
    return { found: entry }
  }

  function metadataSource<K extends MetadataKind>(kind: K, identifier: string): Source<MetadataByKind[K]> {
    const url = metadataUrl(identifier, kind)
    return {
      key: `${kind} ${url}`,
      url,
      maxBytes: limits.metadataBytes,
      read: ({ document }) => {
        const parsed = parseMetadata(kind, identifier, document, options)
        return 'metadata' in parsed ? { value: parsed.metadata } : parsed
      },
    }
  }

  function lastForgotten(identifier: string): number {
    return forgottenAt.get(identifier, now()) ?? 0
  }

  async function findMetadata<K extends MetadataKind>(kind: K, identifier: string): Promise<Found<MetadataByKind[K]>> {
    if (!isIdentifier(identifier, options)) {
      return { failure: { reason: 'refused', message: `the identifier ${identifierProblem(identifier, options)}` } }
    }
    const outcome = await load(metadataSource(kind, identifier), lastForgotten(identifier))
    return 'found' in outcome ? { found: outcome.found.value } : outcome
  }

  async function findKeyAt(jwksUri: string, kid: string): Promise<Found<VerificationKey>> {
    if (!isFetchableUrl(jwksUri, options)) {
      return { failure: { reason: 'refused', message: 'the JWKS URL is not of the accepted form' } }
    }
    return findPublishedKey(jwksUri, kid)
  }

  function jwksSource(jwksUri: string): Source<JwksEntry> {
    const read: Source<JwksEntry>['read'] = (fetched) => {
      const outcome = readJwks(fetched)
      if ('value' in outcome && options.onPrivateKey) {
        for (const kid of privateKeysIn(fetched.document)) options.onPrivateKey(jwksUri, kid)
      }
      return outcome
    }
    return { key: `jwks ${jwksUri}`, url: jwksUri, maxBytes: limits.jwksBytes, read }
  }

  function rememberKey(
    kind: MetadataKind,
    identifier: string,
    jwksUri: string,
    kid: string,
    key: VerificationKey,
  ): void {
    const after = lastForgotten(identifier)
    const metadata = cachedDocument(metadataSource(kind, identifier), after)
    const jwks = cachedDocument(jwksSource(jwksUri), after)
    if (metadata && jwks)
      foundKeys.set(nameOf(kind, identifier, kid), key, Math.min(metadata.freshUntil, jwks.freshUntil))
  }

  async function findPublishedKey(jwksUri: string, kid: string, after = 0): Promise<Found<VerificationKey>> {
    const source = jwksSource(jwksUri)
    const before = cachedDocument(source, after)
    const first = await load(source, after)
    if (!('found' in first)) return first
    const key = await first.found.value(kid)
    if ('found' in key || key.failure.reason !== 'unknown_kid') return key
    const isNew = first.found !== before
    const mayRefetch = !isNew && !lastRefetch.get(source.key, now())
    if (isNew || mayRefetch) lastRefetch.set(source.key, true, now() + limits.refetchInterval)
    if (!mayRefetch && !flights.has(source.key)) {
      const latest = cachedDocument(source)
      return latest && latest !== first.found ? latest.value(kid) : key
    }
    const second = await load(source, first.found.fetched)
    if ('found' in second) return second.found.value(kid)
    return second.failure.reason === 'refused' ? second : key
  }

  return {
    findMetadata,
    findKeyAt,
    async findKey(kind, identifier, kid) {
      const own = options.local?.get(metadataUrl(identifier, kind))
      if (own) {
        const local = readJwks({ document: { keys: await own() }, maxAge: undefined })
        return 'value' in local ? local.value(kid) : { failure: { reason: 'refused', message: local.refusal } }
      }
      const outcome = await findMetadata(kind, identifier)
      // A document with a jwks_uri of another form was refused when it was read.
      if ('failure' in outcome) return outcome
      const before = changes
      const key = await findPublishedKey(outcome.found.jwks_uri, kid, lastForgotten(identifier))
      if ('found' in key && changes === before) rememberKey(kind, identifier, outcome.found.jwks_uri, kid, key.found)
      return key
    },
    peekKey: (kind, identifier, kid) => foundKeys.get(nameOf(kind, identifier, kid), now()),
    forget(identifier) {
      // Beyond that time nothing is kept that was fetched before.
      forgottenAt.set(identifier, fetches, now() + limits.maxAge + limits.staleAge)
      foundKeys.clear()
      changes++
      forgotten++
    },
    get forgotten() {
      return forgotten
    },
  }
}

// Asked with what Signature-Key says, before it is judged: its values can hold blanks, but no quote.
function nameOf(kind: MetadataKind, identifier: string, kid: string): string {
  return `${kind}"${identifier}"${kid}`
}

function readJwks({
  document,
}: {
  document: unknown
  maxAge: number | undefined
}): { value: JwksEntry } | { refusal: string } {
  const keys = typeof document === 'object' && document !== null && 'keys' in document ? document.keys : undefined
  if (!Array.isArray(keys)) return { refusal: 'it has no keys array' }
  if (keys.length > limits.keys) return { refusal: `it has more than ${limits.keys} keys` }
  const byKid = new Map<string, Promise<VerificationKey> | object>()
  for (const jwk of keys as unknown[]) {
    if (typeof jwk === 'object' && jwk !== null && 'kid' in jwk && typeof jwk.kid === 'string' && !byKid.has(jwk.kid)) {
      byKid.set(jwk.kid, jwk)
    }
  }
  const value: JwksEntry = async (kid) => {
    const entry = byKid.get(kid)
    if (!entry) return { failure: { reason: 'unknown_kid', message: 'no key of this kid is published' } }
    const imported = entry instanceof Promise ? entry : importVerificationKey(entry)
    byKid.set(kid, imported)
    try {
      return { found: await imported }
    } catch (cause) {
      if (!(cause instanceof AAuthError)) throw cause
      return { failure: { reason: 'refused', message: cause.message, cause } }
    }
  }
  return { value }
}

function privateKeysIn(document: unknown): (string | undefined)[] {
  const { keys } = document as { keys: readonly unknown[] }
  return keys
    .filter((jwk): jwk is { kid?: unknown } => typeof jwk === 'object' && jwk !== null && ('d' in jwk || 'k' in jwk))
    .map(({ kid }) => (typeof kid === 'string' ? kid.slice(0, 256) : undefined))
}
