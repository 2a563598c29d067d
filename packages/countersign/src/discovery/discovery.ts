import { createGuardedFetch } from '#guarded-fetch'
import { systemClock } from '../lib/clock.js'
import type { LookupEvent } from '../lib/events.js'
import type { VerificationKey } from '../lib/jwk.js'
import { LruCache } from '../lib/lru-cache.js'
import {
  type DocumentType,
  documentUrl,
  isFetchableUrl,
  type PublishedDocument,
  parseDocument,
} from '../protocol/document-type.js'
import { type IdentifierOptions, identifierProblem, isIdentifier } from '../protocol/identifier.js'
import { type DocumentSource, Documents } from './documents.js'
import type { DiscoveryLimits } from './fetch-budget.js'
import { type FetchDocument, type Found, fetchLimits } from './fetch-document.js'
import { createRefetches, type FoundKey, type KeyFinder, privateKeysIn, readJwks } from './jwks.js'
import type { Lookup, LookupGuard } from './lookup-guard.js'
import type { NetworkOptions } from './network-options.js'

export interface DiscoveryOptions extends IdentifierOptions, DiscoveryLimits, NetworkOptions {
  /** @default a guarded fetch: `https` only, no redirects, public addresses and those of `allowNetworks` only */
  fetch?: FetchDocument | undefined
  /**
   * Auth servers that you configured: their documents may be at any address, at the auth server's own origin (W28). Never
   * list one that a stranger named. @default none
   */
  configuredIssuers?: readonly string[]
  /** Fetches the documents of one of them. @default `fetch` where it is given, else a guarded fetch with `configuredOrigin` */
  fetchConfigured?: (issuer: string) => FetchDocument
  /** Unix seconds. @default the system clock */
  now?: () => number
  /**
   * Called when a key set publishes a private key, once a day for each: anybody can use that key now (attacks K18).
   * `remoteAddress` is whose request caused the fetch: limit how much one address can make you record.
   */
  onPrivateKey?: (jwksUri: string, kid: string | undefined, remoteAddress: string | undefined) => void
  /** Told of every document and key that is needed, and what came of it. */
  onLookup?: ((lookup: Omit<LookupEvent, 'role'>) => void) | undefined
  /** The public keys of this process's own identifiers, by the URL of their document: it fetches nothing from itself (attacks K28). */
  local?: ReadonlyMap<string, () => Promise<readonly object[]>>
}

/**
 * Finds documents and keys where identifiers point (S§8). Holds bounded caches.
 *
 * `remoteAddress` is whose request needs the lookup: each address and network can cause a limited number of fetches
 * (attacks K25). Without it, only the limits for all together count. Documents of auth servers are not limited, and
 * their failures are told at once: ask for configured ones only, never for one that a stranger named.
 */
export interface Discovery {
  /** The document of an identifier. A failure is told at once, so ask only for agents whose key was found. */
  findMetadata<M extends PublishedDocument>(
    type: DocumentType<M>,
    identifier: string,
    remoteAddress?: string,
  ): Promise<Found<M>>
  /**
   * A newer document than `current`, in which something was missing. Undefined if there is none, or if it was fetched for this
   * within `renewalInterval`.
   */
  renewMetadata<M extends PublishedDocument>(
    type: DocumentType<M>,
    identifier: string,
    current: M,
    remoteAddress?: string,
  ): Promise<M | undefined>
  /** The key named `kid` in the JWKS that the identifier's document names. */
  findKey(type: DocumentType, identifier: string, kid: string, remoteAddress?: string): Promise<FoundKey>
  /** The same key without a fetch, if it was found before and is still fresh. */
  peekKey(type: DocumentType, identifier: string, kid: string): VerificationKey | undefined
  /** Until when that key is fresh, in Unix seconds. What was verified by it must not count for longer. */
  peekFreshness(type: DocumentType, identifier: string, kid: string): number | undefined
  /**
   * Another key that is now published under the `kid` of `current`. Ask for it if a signature is not by `current`, which was
   * known before. Undefined if there is none, or if it was looked for within `renewalInterval`.
   */
  renewKey(
    type: DocumentType,
    identifier: string,
    kid: string,
    current: VerificationKey,
    remoteAddress?: string,
  ): Promise<VerificationKey | undefined>
  /** The key named `kid` in the JWKS at a URL. */
  findKeyAt(jwksUri: string, kid: string, remoteAddress?: string): Promise<Found<VerificationKey>>
  /**
   * Whether the keys of an identifier are out of date because its origin does not answer. They still count for requests for an
   * hour, but nothing new may begin with them (W32).
   */
  isStale(type: DocumentType, identifier: string): boolean
}

/** Whose keys a JWKS holds. */
interface KeyOwner {
  type: DocumentType
  identifier: string
}

/**
 * Creates a discovery with its own caches, behind a guard.
 *
 * @throws TypeError for options that cannot be meant
 */
export function createDiscoveryBehind(guard: LookupGuard, options: DiscoveryOptions): Discovery {
  const now = options.now ?? systemClock
  /** Found keys by all that led to them; out of date whenever a document has changed since. */
  const foundKeys = new LruCache<{ key: VerificationKey; freshUntil: number; changes: number }>(
    fetchLimits.cachedDocuments,
  )
  requireOneWay(options)
  const { fetch = createGuardedFetch(options), configuredIssuers = [], onLookup } = options
  const configuredFetches = new Map(configuredIssuers.map((issuer) => [issuer, fetchConfigured(issuer)]))
  const documents = new Documents(now, guard.budget, options.failureAge ?? 30, onLookup)
  const { failureTime = 'equal' } = options
  const { loadKey, loadRenewed } = createRefetches(documents, now, options.renewalInterval)
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

  // The first one of a document only: a stranger can publish a hundred.
  function reportPrivateKey(document: unknown, jwksUri: string, remoteAddress: string | undefined): void {
    const [first] = privateKeysIn(document)
    if (!first || !options.onPrivateKey) return
    const name = `${jwksUri} ${first.kid ?? ''}`
    if (reported.get(name, now())) return
    reported.set(name, true, now() + fetchLimits.reportedAge)
    options.onPrivateKey(jwksUri, first.kid, remoteAddress)
  }

  function jwksSource(jwksUri: string, owner?: KeyOwner, remoteAddress?: string): DocumentSource<KeyFinder> {
    const configured = owner !== undefined && isOfAuthServer(owner.type)
    return {
      // Apart: what a stranger who names the same URL gets or does not get must not count for the auth server, nor show.
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
        return { failure: { reason: 'refused', message: 'the JWKS URL is not of the accepted form' } }
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
        // A document with a jwks_uri of another form was refused when it was read.
        if ('failure' in outcome) return outcome
        const { jwks_uri: jwksUri } = outcome.found
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
    peekFreshness: (type, identifier, kid) => peek(type, identifier, kid)?.freshUntil,
    async renewKey(type, identifier, kid, current, remoteAddress) {
      const metadata = documents.find(metadataSource(type, identifier))
      const source = metadata && jwksSource(metadata.value.jwks_uri, { type, identifier }, remoteAddress)
      const held = source && documents.find(source)
      if (!held) return undefined
      // Another request may have had it fetched meanwhile.
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
      return metadata?.stale === true || jwks?.stale === true
    },
  }
}

function isOfAuthServer({ party }: DocumentType): boolean {
  return party === 'authServer'
}

function requireOneWay({ fetch, allowNetworks = [], egressProxy }: DiscoveryOptions): void {
  const idle = allowNetworks.length > 0 ? 'allowNetworks' : egressProxy === undefined ? undefined : 'egressProxy'
  if (!fetch || idle === undefined) return
  throw new TypeError(
    `${idle} is for the guarded fetch, and documents are fetched by another one: give createGuardedFetch({ ${idle} }) of countersign/node in its place`,
  )
}

// Asked with what Signature-Key says, before it is judged: its values can hold blanks, but no quote.
function nameOf(type: DocumentType, identifier: string, kid: string): string {
  return `${type.name}"${identifier}"${kid}`
}
