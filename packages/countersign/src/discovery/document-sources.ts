import { createGuardedFetch } from '#guarded-fetch'
import { type JoseRules, registeredNames } from '../lib/algorithms.js'
import { AAuthError } from '../lib/errors.js'
import type { LookupEvent } from '../lib/events.js'
import { importVerificationKey, publishedKeyProblem, showsSecret, type VerificationKey } from '../lib/jwk.js'
import { LruCache } from '../lib/lru-cache.js'
import {
  type DocumentOptions,
  type DocumentType,
  documentUrl,
  isLoopbackIdentifier,
  type PublishedDocument,
  parseDocument,
} from '../protocol/documents.js'
import type { DocumentSource, Documents, LoadedDocument } from './documents.js'
import type { DiscoveryLimits } from './fetch-budget.js'
import { type DiscoveryFailure, type FetchDocument, type Found, fetchLimits } from './fetch-document.js'
import type { Lookup } from './lookup-guard.js'
import type { NetworkOptions } from './network-options.js'

export interface DiscoveryOptions extends DocumentOptions, DiscoveryLimits, NetworkOptions {
  /** @default a guarded fetch: `https` only, no redirects, and only addresses that are public or in `allowNetworks` */
  fetch?: FetchDocument | undefined
  /**
   * Auth servers that you configured. Documents at an auth server's own origin may be at any address (W28). Never list an auth server that
   * a client named. @default none
   */
  configuredIssuers?: readonly string[]
  /**
   * Returns the fetch for the documents of a configured auth server. @default `fetch` if set, otherwise a guarded fetch with
   * `configuredOrigin`
   */
  fetchConfigured?: (issuer: string) => FetchDocument
  /** Unix seconds. @default the system clock */
  now?: () => number
  /**
   * Called for the first private key in a key set, at most once a day for each such key, because anyone can now use that key (attacks K18).
   * `remoteAddress` is the client whose request caused the fetch: limit how much one address can cause you to record.
   */
  onPrivateKey?: (jwksUri: string, kid: string | undefined, remoteAddress: string | undefined) => void
  /** Called for every lookup of a document or key, with its outcome. */
  onLookup?: ((lookup: Omit<LookupEvent, 'role'>) => void) | undefined
  /**
   * The public keys of this process's own identifiers, by the URL of their document. The process never fetches documents from itself
   * (attacks K28).
   */
  local?: ReadonlyMap<string, () => Promise<readonly object[]>>
}

/** The party to which a JWKS belongs. */
interface KeyOwner {
  type: DocumentType
  identifier: string
}

/** Describes the documents of parties: their URL, how to parse them, and the `fetch` to use. */
export function createDocumentSources(options: DiscoveryOptions, now: () => number) {
  requireOneFetch(options)
  const { fetch = createGuardedFetch(options), configuredIssuers = [] } = options
  const configuredFetches = new Map(configuredIssuers.map((issuer) => [issuer, fetchConfigured(issuer)]))
  const reported = new LruCache<true>(fetchLimits.cachedDocuments)

  function fetchConfigured(issuer: string): FetchDocument {
    if (options.fetchConfigured) return options.fetchConfigured(issuer)
    return options.fetch ?? createGuardedFetch({ ...options, configuredOrigin: new URL(issuer).origin })
  }

  function fetchFor({ type, identifier }: KeyOwner): FetchDocument {
    return (isOfAuthServer(type) ? configuredFetches.get(identifier) : undefined) ?? fetch
  }

  function metadataSource<M extends PublishedDocument>(type: DocumentType<M>, identifier: string): DocumentSource<M> {
    const url = documentUrl(type, identifier)
    return {
      key: `document ${url}`,
      what: 'document',
      url,
      maxBytes: fetchLimits.metadataBytes,
      read: ({ document }) => {
        const parsed = parseDocument(type, identifier, document, options)
        return 'metadata' in parsed ? { value: parsed.metadata } : parsed
      },
      fetch: fetchFor({ type, identifier }),
      configured: isOfAuthServer(type),
    }
  }

  // Only the first such key in a document is reported: an attacker can publish a hundred.
  function reportPrivateKey(document: unknown, jwksUri: string, remoteAddress: string | undefined): void {
    const [first] = privateKeysIn(document)
    if (!first || !options.onPrivateKey) return
    const name = `${jwksUri} ${first.kid ?? ''}`
    if (reported.get(name, now())) return
    reported.set(name, true, now() + fetchLimits.reportedAge)
    options.onPrivateKey(jwksUri, first.kid, remoteAddress)
  }

  /** @param jwksUri without it, nothing is cached, and nothing can be fetched */
  function jwksSource(jwksUri = '', owner?: KeyOwner, remoteAddress?: string): DocumentSource<KeyFinder> {
    const configured = owner !== undefined && isOfAuthServer(owner.type)
    return {
      // Cached separately from the same URL when it is named by a client: the two results must not affect each other, and a client must not
      // be able to observe the other.
      key: configured ? `jwks of ${owner.identifier} ${jwksUri}` : `jwks ${jwksUri}`,
      what: 'keys',
      url: jwksUri,
      maxBytes: fetchLimits.jwksBytes,
      read: ({ document }) => {
        const outcome = readJwks(document, new URL(jwksUri).origin, owner?.type.jose)
        if ('value' in outcome) reportPrivateKey(document, jwksUri, remoteAddress)
        return outcome
      },
      fetch: owner ? fetchFor(owner) : fetch,
      configured,
    }
  }

  return { metadataSource, jwksSource }
}

/** Whether a document belongs to an auth server, which the operator configured. */
export function isOfAuthServer({ party }: DocumentType): boolean {
  return party === 'authServer'
}

function requireOneFetch({ fetch, allowNetworks = [], egressProxy }: DiscoveryOptions): void {
  const idle = allowNetworks.length > 0 ? 'allowNetworks' : egressProxy === undefined ? undefined : 'egressProxy'
  if (!fetch || idle === undefined) return
  throw new TypeError(
    `${idle} has no effect on your own fetch: pass createGuardedFetch({ ${idle} }) from countersign/node`,
  )
}

/** Finds a key in the set by its `kid`. */
type KeyFinder = (kid: string) => Promise<Found<VerificationKey>>

/**
 * Parses a JWKS (RFC 7517 §5), or returns why it is refused. Keys are imported on first use. Two entries with the same `kid` are both
 * refused, because parsers would disagree on which one is meant. A key that is printed in a standard is refused except on loopback.
 *
 * @param origin the origin of the JWKS
 */
export function readJwks(
  document: unknown,
  origin: string,
  rules: JoseRules = registeredNames,
): { value: KeyFinder } | { refusal: string } {
  const keys = typeof document === 'object' && document !== null && 'keys' in document ? document.keys : undefined
  if (!Array.isArray(keys)) return { refusal: 'it has no keys array' }
  if (keys.length > fetchLimits.keys) return { refusal: `it has more than ${fetchLimits.keys} keys` }
  const byKid = new Map<string, Promise<VerificationKey> | object>()
  const repeated = new Set<string>()
  for (const jwk of keys as unknown[]) {
    if (typeof jwk !== 'object' || jwk === null || !('kid' in jwk) || typeof jwk.kid !== 'string') continue
    if (byKid.has(jwk.kid)) repeated.add(jwk.kid)
    byKid.set(jwk.kid, jwk)
  }
  const value: KeyFinder = async (kid) => {
    const entry = byKid.get(kid)
    if (!entry) return { failure: { reason: 'unknown_kid', message: 'no key with this kid is published' } }
    if (repeated.has(kid)) return unusable('its kid is shared by two keys: give each key its own kid')
    const imported = entry instanceof Promise ? entry : importVerificationKey(entry, rules)
    byKid.set(kid, imported)
    try {
      const found = await imported
      const problem = publishedExampleProblem(origin, found)
      return problem === undefined ? { found } : unusable(`it ${problem}`)
    } catch (cause) {
      if (!(cause instanceof AAuthError)) throw cause
      return { failure: { reason: 'refused', message: cause.message, cause } }
    }
  }
  return { value }
}

/**
 * Why a key must not be used: it is printed in a standard, including its private part. On loopback, such keys are allowed, so that examples
 * work as printed.
 */
export function publishedExampleProblem(identifier: string, { thumbprint }: VerificationKey): string | undefined {
  return isLoopbackIdentifier(identifier) ? undefined : publishedKeyProblem(thumbprint)
}

function unusable(message: string): Found<never> {
  return { failure: { reason: 'unusable', message } }
}

/** The keys in a JWKS that reveal their private part. */
export function privateKeysIn(document: unknown): { kid: string | undefined }[] {
  const { keys } = document as { keys: readonly unknown[] }
  return keys
    .filter((jwk): jwk is { kid?: unknown } => typeof jwk === 'object' && jwk !== null && showsSecret(jwk))
    .map(({ kid }) => ({ kid: typeof kid === 'string' ? kid.slice(0, 256) : undefined }))
}

/** A key, and whether its document was fetched for this lookup; if so, no newer key is published. */
export type FoundKey = { found: VerificationKey; isNew?: true } | { failure: DiscoveryFailure }

/** Refetches documents in which something was missing, no more often than the interval allows. */
export function createRefetches(
  documents: Documents,
  now: () => number,
  renewalInterval: number = fetchLimits.refetchInterval,
) {
  const lastRefetch = new LruCache<true>(fetchLimits.cachedDocuments)

  /** After a failure, `Documents` alone limits how often the document of a configured server is fetched. */
  const mayRetry = ({ configured }: DocumentSource<unknown>, { reason }: DiscoveryFailure): boolean =>
    configured || reason === 'busy'

  async function loadKey(source: DocumentSource<KeyFinder>, kid: string, lookup: Lookup): Promise<FoundKey> {
    const before = documents.find(source)
    const first = await documents.load(source, lookup)
    if ('failure' in first) return first
    const key = await first.found.value(kid)
    const isNew = first.found !== before
    if ('found' in key) return isNew ? { ...key, isNew } : key
    if (key.failure.reason === 'refused') return key
    const mayRefetch = !isNew && !lastRefetch.get(source.key, now())
    if (isNew || mayRefetch) lastRefetch.set(source.key, true, now() + fetchLimits.refetchInterval)
    if (!mayRefetch && !documents.isLoading(source))
      return documents.find(source, first.found.fetched)?.value(kid) ?? key
    const second = await documents.load(source, lookup, first.found.fetched)
    if ('found' in second) return second.found.value(kid)
    const isRetried = mayRetry(source, second.failure)
    if (mayRefetch && isRetried) lastRefetch.delete(source.key)
    // While a configured server is down, a key that it has just published looks like a key that does not exist.
    return isRetried || second.failure.reason === 'refused' ? second : key
  }

  async function loadRenewed<T>(
    source: DocumentSource<T>,
    held: LoadedDocument<T>,
    lookup: Lookup,
  ): Promise<LoadedDocument<T>> {
    const mayFetch = !lastRefetch.get(source.key, now())
    if (mayFetch) lastRefetch.set(source.key, true, now() + renewalInterval)
    if (!mayFetch && !documents.isLoading(source)) return held
    const outcome = await documents.load(source, lookup, held.fetched)
    if ('found' in outcome) return outcome.found
    if (mayFetch && mayRetry(source, outcome.failure)) lastRefetch.delete(source.key)
    return held
  }

  return { loadKey, loadRenewed }
}
