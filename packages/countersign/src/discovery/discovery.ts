import { systemClock } from '../lib/clock.js'
import type { VerificationKey } from '../lib/jwk.js'
import { LruCache } from '../lib/lru-cache.js'
import {
  type DocumentType,
  documentUrl,
  identifierProblem,
  isFetchableUrl,
  isIdentifier,
  type PublishedDocument,
} from '../protocol/documents.js'
import type { VerifyTokenOptions } from '../tokens/verify-token.js'
import {
  createDocumentSources,
  createRefetches,
  type DiscoveryOptions,
  type FoundKey,
  isOfAuthServer,
  readJwks,
} from './document-sources.js'
import { Documents } from './documents.js'
import { createFetchBudget, type Delay, LookupQueue } from './fetch-budget.js'
import { type Found, fetchLimits } from './fetch-document.js'
import type { Lookup, LookupGuard } from './lookup-guard.js'

/**
 * Finds the documents and keys of identifiers (S§8), with bounded caches.
 *
 * `remoteAddress` is the client whose request needs the lookup: the number of fetches that each address and network can cause is limited
 * (attacks K25). Without it, only the overall limits apply. Documents of auth servers are not limited, and their failures are reported at
 * once. Therefore, look up only configured auth servers, never one that a client named.
 */
export interface Discovery {
  /** Finds an identifier's document. Failures are reported at once, so call this only for agents whose key was found. */
  findMetadata<M extends PublishedDocument>(
    type: DocumentType<M>,
    identifier: string,
    remoteAddress?: string,
  ): Promise<Found<M>>
  /**
   * Fetches a newer document because something is missing in `current`. Returns undefined if no newer document exists, or if the document
   * was already fetched for this reason within `renewalInterval`.
   */
  renewMetadata<M extends PublishedDocument>(
    type: DocumentType<M>,
    identifier: string,
    current: M,
    remoteAddress?: string,
  ): Promise<M | undefined>
  /** Finds the key named `kid` in the JWKS to which the identifier's document points. */
  findKey(type: DocumentType, identifier: string, kid: string, remoteAddress?: string): Promise<FoundKey>
  /** Like `findKey`, but without a fetch: returns the key only if it was found before and is still fresh. */
  peekKey(type: DocumentType, identifier: string, kid: string): VerificationKey | undefined
  /**
   * Returns the time until which a found key is fresh, in Unix seconds. Do not cache results that were verified with the key for longer.
   */
  freshUntil(type: DocumentType, identifier: string, kid: string): number | undefined
  /**
   * Finds another key that is now published under the `kid` of `current`. Call it if a signature does not verify with a cached `current`.
   * Returns undefined if there is no other key, or if it was already looked up within `renewalInterval`.
   */
  renewKey(
    type: DocumentType,
    identifier: string,
    kid: string,
    current: VerificationKey,
    remoteAddress?: string,
  ): Promise<VerificationKey | undefined>
  /** Finds the key named `kid` in the JWKS at a URL. */
  findKeyAt(jwksUri: string, kid: string, remoteAddress?: string): Promise<Found<VerificationKey>>
  /**
   * Whether an identifier's keys are stale because its origin is unreachable. For an hour, they remain valid for requests, but nothing new
   * may be started with them (W32).
   */
  isStale(type: DocumentType, identifier: string): boolean
}

/**
 * Creates a `Discovery` with its own caches, behind a guard.
 *
 * @throws TypeError for invalid options
 */
export function createDiscoveryBehind(guard: LookupGuard, options: DiscoveryOptions): Discovery {
  const now = options.now ?? systemClock
  /** Keys that were found, by document and `kid`. Out of date if any document has changed since. */
  const foundKeys = new LruCache<{ key: VerificationKey; freshUntil: number; changes: number }>(
    fetchLimits.cachedDocuments,
  )
  const { failureTime = 'equal', failureAge = 30, onLookup } = options
  const documents = new Documents({ now, budget: guard.budget, failureAge, onLookup })
  const { metadataSource, jwksSource } = createDocumentSources(options, now)
  const { loadKey, loadRenewed } = createRefetches(documents, now, options.renewalInterval)

  async function loadMetadata<M extends PublishedDocument>(
    type: DocumentType<M>,
    identifier: string,
    lookup: Lookup,
  ): Promise<Found<M>> {
    if (!isIdentifier(identifier, options)) {
      return { failure: { reason: 'refused', message: `the identifier ${identifierProblem(identifier, options)}` } }
    }
    const outcome = await documents.load(metadataSource(type, identifier), lookup)
    return 'found' in outcome ? { found: outcome.found.value } : outcome
  }

  function peek(type: DocumentType, identifier: string, kid: string) {
    const known = foundKeys.get(nameOf(type, identifier, kid), now())
    return known?.changes === documents.changes ? known : undefined
  }

  function rememberKey(
    type: DocumentType,
    identifier: string,
    jwksUri: string,
    kid: string,
    key: VerificationKey,
  ): void {
    const metadata = documents.find(metadataSource(type, identifier))
    const jwks = documents.find(jwksSource(jwksUri, { type, identifier }))
    if (!metadata || !jwks || metadata.stale || jwks.stale) return
    const freshUntil = Math.min(metadata.freshUntil, jwks.freshUntil)
    foundKeys.set(nameOf(type, identifier, kid), { key, freshUntil, changes: documents.changes }, freshUntil)
  }

  return {
    findMetadata: (type, identifier, remoteAddress) =>
      guard.run(remoteAddress, 'shortest', (lookup) => loadMetadata(type, identifier, lookup)),
    async renewMetadata(type, identifier, current, remoteAddress) {
      const source = metadataSource(type, identifier)
      const held = documents.find(source)
      if (!held || held.value !== current) return held?.value
      const renewed = await guard.run(remoteAddress, 'shortest', async (lookup) => ({
        found: await loadRenewed(source, held, lookup),
      }))
      return 'found' in renewed && renewed.found !== held ? renewed.found.value : undefined
    },
    async findKeyAt(jwksUri, kid, remoteAddress) {
      if (!isFetchableUrl(jwksUri, options)) {
        return { failure: { reason: 'refused', message: 'the JWKS URL does not have the accepted form' } }
      }
      return guard.run(remoteAddress, failureTime, (lookup) =>
        loadKey(jwksSource(jwksUri, undefined, remoteAddress), kid, lookup),
      )
    },
    async findKey(type, identifier, kid, remoteAddress) {
      const own = options.local?.get(documentUrl(type, identifier))
      if (own) {
        const local = readJwks({ keys: await own() }, identifier, type.jose)
        return 'value' in local ? local.value(kid) : { failure: { reason: 'refused', message: local.refusal } }
      }
      return guard.run(remoteAddress, isOfAuthServer(type) ? 'shortest' : failureTime, async (lookup) => {
        const outcome = await loadMetadata(type, identifier, lookup)
        // The jwks_uri was checked when the document was read.
        if ('failure' in outcome) return outcome
        const { jwks_uri: jwksUri } = outcome.found
        if (!jwksUri) return { failure: { reason: 'refused', message: 'it has no jwks_uri' } }
        const before = documents.changes
        const source = jwksSource(jwksUri, { type, identifier }, remoteAddress)
        const key = await loadKey(source, kid, lookup)
        if ('found' in key && documents.changes === before) rememberKey(type, identifier, jwksUri, kid, key.found)
        return key
      })
    },
    peekKey(type, identifier, kid) {
      const key = peek(type, identifier, kid)?.key
      if (key && onLookup) {
        const { host } = new URL(identifier)
        onLookup({ kind: 'lookup', what: 'keys', host, outcome: 'found', cached: true, duration: 0 })
      }
      return key
    },
    freshUntil: (type, identifier, kid) => peek(type, identifier, kid)?.freshUntil,
    async renewKey(type, identifier, kid, current, remoteAddress) {
      const metadata = documents.find(metadataSource(type, identifier))
      const source = metadata && jwksSource(metadata.value.jwks_uri, { type, identifier }, remoteAddress)
      const held = source && documents.find(source)
      if (!held) return undefined
      // Another request may have caused a fetch in the meantime.
      const known = await held.value(kid)
      if ('found' in known && known.found.thumbprint !== current.thumbprint) return known.found
      const renewed = await guard.run(remoteAddress, 'shortest', async (lookup) => {
        const latest = await loadRenewed(source, held, lookup)
        return latest.value(kid)
      })
      return 'found' in renewed && renewed.found.thumbprint !== current.thumbprint ? renewed.found : undefined
    },
    isStale(type, identifier) {
      const metadata = documents.find(metadataSource(type, identifier))
      const jwks = metadata && documents.find(jwksSource(metadata.value.jwks_uri, { type, identifier }))
      return (metadata?.stale ?? jwks?.stale) === true
    },
  }
}

// Taken from an unverified Signature-Key: the values can contain spaces, but no quotes.
function nameOf(type: DocumentType, identifier: string, kid: string): string {
  return `${type.name}"${identifier}"${kid}`
}

export interface GuardedDiscoveryOptions extends DiscoveryOptions {
  /** Delays the report of a failed lookup. @default a timer */
  delay?: Delay
}

/**
 * Creates a `Discovery` with its own caches, for a server that fetches documents on behalf of untrusted clients (attacks K25). Share one
 * per process.
 *
 * @throws TypeError for invalid options
 */
export function createDiscovery(options: GuardedDiscoveryOptions = {}): Discovery {
  const { now = systemClock } = options
  const queue = new LookupQueue(now, options.delay)
  const budget = createFetchBudget(options, now)
  return createDiscoveryBehind(
    { budget, run: (remoteAddress, failureTime, look) => queue.run(remoteAddress, failureTime, look) },
    options,
  )
}

/**
 * Returns a function that finds the keys of tokens at their issuers. If a cached key did not sign the token, a newer key is looked up.
 *
 * @param requireFound returns the key, or throws the error for a missing key
 * @param remoteAddress the client's address, used to limit how many fetches one source can cause
 */
export function findTokenKey(
  discovery: Pick<Discovery, 'findKey' | 'peekKey' | 'renewKey'>,
  type: DocumentType,
  requireFound: (found: Found<VerificationKey>, issuer: string) => VerificationKey,
  remoteAddress?: string,
): VerifyTokenOptions['findKey'] {
  return async (issuer, kid) => {
    const known = discovery.peekKey(type, issuer, kid)
    const outcome = known ? { found: known } : await discovery.findKey(type, issuer, kid, remoteAddress)
    const key = requireFound(outcome, issuer)
    // A document that was fetched for this lookup contains the newest key.
    if ('isNew' in outcome) return { key }
    return { key, renew: () => discovery.renewKey(type, issuer, kid, key, remoteAddress) }
  }
}
