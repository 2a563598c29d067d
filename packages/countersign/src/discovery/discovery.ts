import { createGuardedFetch } from '#guarded-fetch'
import { systemClock } from '../lib/clock.js'
import { AAuthError } from '../lib/errors.js'
import { importVerificationKey, type VerificationKey } from '../lib/jwk.js'
import { LruCache } from '../lib/lru-cache.js'
import { type IdentifierOptions, isIdentifier } from '../protocol/identifier.js'
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
  /** Public keys of our own identifiers by metadata URL, so that nothing is fetched from ourselves (attacks K28). */
  local?: ReadonlyMap<string, readonly object[]>
}

/** Why no document or key was found; the caller decides which error that is. */
export interface DiscoveryFailure {
  /** `unreachable`: the origin did not answer, and nothing usable is cached; `refused`: what it answered is not acceptable. */
  reason: 'unreachable' | 'refused' | 'unknown_kid'
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
  /** The key named `kid` in the JWKS at a URL. */
  findKeyAt(jwksUri: string, kid: string): Promise<Found<VerificationKey>>
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
}

interface CachedDocument<T> {
  value: T
  freshUntil: number
}

type JwksEntry = (kid: string) => Promise<Found<VerificationKey>>

/** Creates a discovery with its own caches; share one per process. */
export function createDiscovery(options: DiscoveryOptions = {}): Discovery {
  const now = options.now ?? systemClock
  const fetch = options.fetch ?? createGuardedFetch(options)
  const documents = new LruCache<CachedDocument<unknown>>(limits.cachedDocuments)
  const flights = new Map<string, Promise<Found<CachedDocument<unknown>>>>()
  const lastRefetch = new LruCache<true>(limits.cachedDocuments)

  async function load<T>(
    url: string,
    maxBytes: number,
    read: (fetched: Extract<FetchedDocument, { document: unknown }>) => { value: T } | { refusal: string },
    force = false,
  ): Promise<Found<CachedDocument<T>>> {
    const cached = documents.get(url, now()) as CachedDocument<T> | undefined
    if (cached && !force && cached.freshUntil > now()) return { found: cached }
    const flight = (flights.get(url) ?? startFlight(url, maxBytes, read)) as Promise<Found<CachedDocument<T>>>
    const outcome = await flight
    const stale = 'failure' in outcome && outcome.failure.reason === 'unreachable' ? cached : undefined
    return stale ? { found: stale } : outcome
  }

  function startFlight<T>(
    url: string,
    maxBytes: number,
    read: (fetched: Extract<FetchedDocument, { document: unknown }>) => { value: T } | { refusal: string },
  ): Promise<Found<CachedDocument<T>>> {
    const flight = (async (): Promise<Found<CachedDocument<T>>> => {
      const fetched = await fetchDocument(url, { fetch, maxBytes, timeout: limits.timeout })
      if ('refusal' in fetched) {
        return {
          failure: {
            reason: fetched.unreachable ? 'unreachable' : 'refused',
            message: fetched.refusal,
            cause: fetched.cause,
          },
        }
      }
      const outcome = read(fetched)
      if ('refusal' in outcome)
        return { failure: { reason: 'refused', message: `${url} is refused: ${outcome.refusal}` } }
      const age = Math.min(Math.max(fetched.maxAge ?? limits.defaultAge, limits.minAge), limits.maxAge)
      const entry = { value: outcome.value, freshUntil: now() + age }
      documents.set(url, entry, entry.freshUntil + limits.staleAge)
      return { found: entry }
    })().finally(() => flights.delete(url))
    flights.set(url, flight)
    return flight
  }

  async function findMetadata<K extends MetadataKind>(kind: K, identifier: string): Promise<Found<MetadataByKind[K]>> {
    if (!isIdentifier(identifier, options)) {
      return { failure: { reason: 'refused', message: 'the identifier is not of the accepted form (W10)' } }
    }
    const outcome = await load(metadataUrl(identifier, kind), limits.metadataBytes, ({ document }) => {
      const parsed = parseMetadata(kind, identifier, document, options)
      return 'metadata' in parsed ? { value: parsed.metadata } : parsed
    })
    return 'found' in outcome ? { found: outcome.found.value } : outcome
  }

  async function findKeyAt(jwksUri: string, kid: string): Promise<Found<VerificationKey>> {
    if (!isFetchableUrl(jwksUri, options)) {
      return { failure: { reason: 'refused', message: 'the JWKS URL is not of the accepted form' } }
    }
    const before = documents.get(jwksUri, now())
    const first = await load(jwksUri, limits.jwksBytes, readJwks)
    if (!('found' in first)) return first
    const key = await first.found.value(kid)
    if ('found' in key || key.failure.reason !== 'unknown_kid') return key
    if (lastRefetch.get(jwksUri, now())) return key
    lastRefetch.set(jwksUri, true, now() + limits.refetchInterval)
    if (first.found !== before) return key
    const second = await load(jwksUri, limits.jwksBytes, readJwks, true)
    return 'found' in second ? second.found.value(kid) : second
  }

  return {
    findMetadata,
    findKeyAt,
    async findKey(kind, identifier, kid) {
      const own = options.local?.get(metadataUrl(identifier, kind))
      if (own) {
        const local = readJwks({ document: { keys: own }, maxAge: undefined })
        return 'value' in local ? local.value(kid) : { failure: { reason: 'refused', message: local.refusal } }
      }
      const outcome = await findMetadata(kind, identifier)
      return 'found' in outcome ? findKeyAt(outcome.found.jwks_uri, kid) : outcome
    },
  }
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
