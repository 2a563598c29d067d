import { createGuardedFetch } from '#guarded-fetch'
import type { LookupEvent } from '../lib/events.js'
import { LruCache } from '../lib/lru-cache.js'
import {
  type DocumentType,
  documentUrl,
  type IdentifierOptions,
  type PublishedDocument,
  parseDocument,
} from '../protocol/documents.js'
import type { DocumentSource } from './documents.js'
import type { DiscoveryLimits } from './fetch-budget.js'
import { type FetchDocument, fetchLimits } from './fetch-document.js'
import { type KeyFinder, privateKeysIn, readJwks } from './jwks.js'
import type { NetworkOptions } from './network-options.js'

export interface DiscoveryOptions extends IdentifierOptions, DiscoveryLimits, NetworkOptions {
  /** @default a guarded fetch: `https` only, no redirects, public addresses and those of `allowNetworks` only */
  fetch?: FetchDocument | undefined
  /**
   * Auth servers that you configured: their documents may be at any address, at the auth server's own origin (W28). Never
   * list one that a client named. @default none
   */
  configuredIssuers?: readonly string[]
  /** The fetch for the documents of one of them. @default `fetch` if it is given, else a guarded fetch with `configuredOrigin` */
  fetchConfigured?: (issuer: string) => FetchDocument
  /** Unix seconds. @default the system clock */
  now?: () => number
  /**
   * Called if a key set publishes a private key, once a day for each: anyone can use that key now (attacks K18).
   * `remoteAddress` is the client whose request caused the fetch: limit how much one address can make you record.
   */
  onPrivateKey?: (jwksUri: string, kid: string | undefined, remoteAddress: string | undefined) => void
  /** Called for every document and key that is needed, with the outcome. */
  onLookup?: ((lookup: Omit<LookupEvent, 'role'>) => void) | undefined
  /** The public keys of this process's own identifiers, by the URL of their document: it fetches nothing from itself (attacks K28). */
  local?: ReadonlyMap<string, () => Promise<readonly object[]>>
}

/** The party whose keys a JWKS has. */
interface KeyOwner {
  type: DocumentType
  identifier: string
}

/** Describes the documents of parties: their address, how to read them, and by which `fetch`. */
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

  // Only the first in a document: an attacker can publish a hundred.
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
      // Separate from the same URL as a client names it: their results must neither affect each other nor be visible.
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

/** Whether a document is of an auth server, which the operator configured. */
export function isOfAuthServer({ party }: DocumentType): boolean {
  return party === 'authServer'
}

function requireOneFetch({ fetch, allowNetworks = [], egressProxy }: DiscoveryOptions): void {
  const idle = allowNetworks.length > 0 ? 'allowNetworks' : egressProxy === undefined ? undefined : 'egressProxy'
  if (!fetch || idle === undefined) return
  throw new TypeError(
    `${idle} is for the guarded fetch, and documents are fetched by another one: give createGuardedFetch({ ${idle} }) of countersign/node in its place`,
  )
}
