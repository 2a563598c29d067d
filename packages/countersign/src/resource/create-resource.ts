import { createDiscovery } from '../discovery/discovery.js'
import type { ProtectedResource } from '../editions/bearer-protocol.js'
import type { ResourceEdition } from '../editions/edition.js'
import { januaryResource } from '../editions/january/january-resource.js'
import type {
  ResourceEndpoint,
  ResourceProtocol,
  RevocationList,
  RevocationListOptions,
} from '../editions/resource-protocol.js'
import type { Authorized, Requirement, VerifiedRequest } from '../editions/verified-request.js'
import { createMemoryNonces } from '../httpsig/memory-nonces.js'
import { type ReceivedMessage, receiveRequest } from '../httpsig/received-message.js'
import { publishedJwk } from '../lib/algorithms.js'
import { systemClock } from '../lib/clock.js'
import { jsonResponse } from '../lib/encodings.js'
import { AAuthError } from '../lib/errors.js'
import { createEmitter, type OnEvent } from '../lib/events.js'
import { warnOnce } from '../lib/options.js'
import { documentResponse, documentUrl, type OwnDocument } from '../protocol/documents.js'
import { createOAuthEndpoint, type OAuthEndpointOptions } from './oauth-endpoint.js'
import { reportRequest } from './report-request.js'
import { createRequestVerifier, type RequestVerifier, type VerifyRequestOptions } from './request-verifier.js'
import {
  type ResourceOptions,
  requireAuthServers,
  requireResourceOptions,
  scopeDescriptions,
} from './resource-options.js'

/** A protected API, created by {@link createResource}. */
export interface Resource {
  readonly id: string
  /** The published document. */
  readonly metadata: OwnDocument
  /** Whether the edition has the level `user`. */
  readonly hasUserLevel: boolean
  /** The scopes that agents can request; undefined if the resource declares none. */
  readonly scopes: readonly string[] | undefined
  /** The paths that {@link Resource.handler} serves. */
  readonly publishedPaths: ReadonlySet<string>
  /** The response headers of the resource's edition, for code that handles the headers of an API. */
  readonly responseHeaders: readonly string[]
  /** The listener for events, for code that builds on the resource. */
  readonly onEvent: OnEvent | undefined
  /**
   * Verifies a request and its level. You must still check which records the user may see: a user is identified by `iss` and `sub`
   * together. Shared caches must not store the response: set `Cache-Control: private, no-store` and `Vary: Signature-Key`, as the framework
   * adapters do.
   *
   * @throws AAuthError to pass to {@link Resource.toResponse}
   */
  verify<R extends Requirement>(
    source: Request | ReceivedMessage,
    options: VerifyRequestOptions<R>,
  ): Promise<VerifiedRequest<R>>
  /**
   * Whether an authorization is still valid, for long-running responses: its token has not expired and, with `denyList`, has not been
   * revoked. Always true for a request without an authorization.
   */
  isStillAuthorized(verified: Authorized): Promise<boolean>
  /** The OAuth resource, if OAuth access tokens are accepted. */
  readonly protectedResource: ProtectedResource | undefined
  /**
   * This resource at one of its endpoints, where OAuth access tokens are accepted besides signed requests: verify the endpoint's requests
   * with the returned resource. The endpoint is a separate OAuth resource, whose metadata {@link Resource.handler} serves. A request with
   * an access token has the scheme `bearer`.
   *
   * @param whole the resource that verifies signed requests, if this is one of its editions. @default this resource
   * @throws TypeError for invalid options, and for a second endpoint at the same path
   */
  oauthEndpoint(endpoint: OAuthEndpointOptions, whole?: Resource): Resource
  /** Whether a `Signature-Key` has a member of the form of the resource's edition, even if it is malformed. */
  recognizes(signatureKey: string): boolean
  /** The refusal of an unsigned request, with the challenge for the requirement. */
  refuseUnsigned(required: Requirement): AAuthError
  /**
   * Converts a refusal to a response, with a challenge for what is missing. Rethrows anything that is not an {@link AAuthError}.
   *
   * @param verified the request, if the refusal follows its verification: in an API with several editions, its edition responds
   */
  toResponse(error: unknown, verified?: Authorized): Promise<Response>
  /**
   * Serves the resource's document and keys, and its edition's endpoints. Returns 404 for any other path. `received` is the message as it
   * was on the wire, if the platform provides it.
   */
  handler(request: Request, received?: ReceivedMessage): Promise<Response>
}

/**
 * A protected API: verifies signed requests, challenges with resource tokens, and publishes its document and keys.
 *
 * @throws TypeError for invalid options
 * @example
 * ```ts
 * const resource = createResource({ id: 'https://api.example', signer, authServer: 'https://auth.example' })
 * ```
 */
export function createResource(options: ResourceOptions): Resource {
  requireResourceOptions(options)
  const { id, signer, algorithms, now = systemClock } = options
  const edition: ResourceEdition = options.edition ?? januaryResource
  const { listed, acceptsIssuer } = issuersOf(options)
  const { authorities = [new URL(id).host], claimNonce = createMemoryNonces({ now }) } = options
  const scopes = options.scopes && scopeDescriptions(options.scopes)
  const {
    allowInsecureLoopback,
    allowPath,
    allowNetworks,
    egressProxy,
    fetch,
    wwwAuthenticate,
    ownAgent = false,
    accept = ['aauth'],
  } = options
  const identifiers = { allowInsecureLoopback, allowPath, endpointOrigins: options.endpointOrigins }
  const network = { allowNetworks, egressProxy, fetch }
  // Throws if the value is not valid in a header.
  const otherScheme = Object.fromEntries(new Headers(wwwAuthenticate ? { 'www-authenticate': wwwAuthenticate } : {}))
  const emit = createEmitter('resource', id, options.onEvent)
  const publicKeys = [signer.jwk, ...(options.retiredKeys ?? [])].map((jwk) =>
    publishedJwk(jwk, edition.documents.resource.jose),
  )
  const documentAddress = documentUrl(edition.documents.resource, id)
  const discovery = createDiscovery({
    ...identifiers,
    ...options.discovery,
    ...network,
    configuredIssuers: listed,
    now,
    local: new Map([[documentAddress, async () => publicKeys]]),
    onLookup: emit,
  })
  const keys = edition.createKeyResolver({
    ...identifiers,
    discovery,
    role: 'resource',
    audience: id,
    now,
    authTokenIssuers: listed,
    acceptsIssuer,
    certificates: options.certificates,
  })
  const protocol = edition.createResourceProtocol({
    ...identifiers,
    id,
    signer,
    authServer: options.authServer,
    acceptsIssuer,
    isListed: (issuer) => listed.includes(issuer),
    discovery,
    algorithms,
    authorities,
    claimNonce,
    revokedTokens: options.revokedTokens,
    scopes,
    resourceTokenLifetime: options.resourceTokenLifetime ?? 600,
    ownAgent,
    now,
    verify: (message, require) => verifier.judge(message, { require }),
  })
  const [issuer = ''] = listed
  const lookups = { ...identifiers, ...network, issuer, discovery, now }
  const revocations = createRevocations(options, { protocol, name: edition.name, lookups })
  const tools = { edition, protocol, keys, revocations, authorities, claimNonce, now, emit }
  const verifier: RequestVerifier = createRequestVerifier(options, tools)
  const published = publish(protocol.endpoints, [
    [documentAddress, protocol.metadata],
    [protocol.metadata.jwks_uri, { keys: publicKeys }],
  ])

  async function toResponse(error: unknown): Promise<Response> {
    if (!(error instanceof AAuthError)) throw error
    const challenge = error.challenge && { ...(await protocol.challenge(error.challenge)), algorithms }
    const { status, headers, body } = edition.writeRefusal(error, challenge)
    if (status === 401) Object.assign(headers, otherScheme)
    if (status === 500) warnOnce(id, error.code, error.message)
    return new Response(body, { status, headers })
  }

  const resource: Resource = {
    id,
    metadata: protocol.metadata,
    hasUserLevel: protocol.hasUserLevel ?? false,
    scopes: scopes && Object.keys(scopes),
    publishedPaths: published.paths,
    responseHeaders: edition.responseHeaders,
    onEvent: options.onEvent,
    verify: (source, required) => verifier.verify(source, required),
    isStillAuthorized: (verified) => verifier.isStillAuthorized(verified),
    recognizes: (signatureKey) => edition.signing.recognizes?.(signatureKey) ?? false,
    refuseUnsigned: (required) =>
      new AAuthError('signature_missing', 'The request must be signed (RFC 9421).', {
        challenge: { level: protocol.challengeLevel('signature_missing', required) },
      }),
    toResponse,
    protectedResource: undefined,
    oauthEndpoint(endpoint, whole = resource) {
      const tools = { options, identifiers, discovery, signing: edition.signing, revocations, now, emit }
      const created = createOAuthEndpoint(whole, endpoint, tools)
      published.add(created.protectedResource)
      return created
    },
    async handler(request, received) {
      const { pathname } = new URL(request.url)
      try {
        const message = received ?? receiveRequest(request)
        const report = { route: published.paths.has(pathname) ? pathname : 'none', message }
        return await reportRequest(emit, edition.signing, report, () => published.respond(request, pathname, message))
      } catch (error) {
        const refused = await toResponse(error)
        if (refused.status === 405) refused.headers.set('allow', published.methodsAt(pathname))
        return refused
      }
    },
  }
  return accept.includes('oauth') ? resource.oauthEndpoint({ path: '/' }) : resource
}

/** The auth servers that the operator listed, and whether an issuer's tokens are accepted. */
function issuersOf(options: ResourceOptions) {
  const listed = requireAuthServers(options)
  const { authServers } = options
  const acceptsIssuer = (issuer: string) =>
    authServers === 'any' || listed.includes(issuer) || (typeof authServers === 'function' && authServers(issuer))
  return { listed, acceptsIssuer }
}

interface RevocationContext {
  protocol: ResourceProtocol
  /** The edition's name. */
  name: string
  lookups: Omit<RevocationListOptions, 'endpointOrigins' | 'whenUnreachable'>
}

/** The auth server's list, or what issuers report, if the edition has it. @throws TypeError if an option has no effect in the edition */
function createRevocations(
  { denyList, revokedTokens, endpointOrigins = {} }: ResourceOptions,
  { protocol, name, lookups }: RevocationContext,
): RevocationList | undefined {
  const { revocations } = protocol
  if (revokedTokens && !revocations) throw new TypeError(`revokedTokens: the ${name} edition reports no revocations`)
  if (!denyList) return revocations
  const { whenUnreachable = 'refuse' } = denyList
  const created = protocol.createRevocationList?.({ ...lookups, endpointOrigins, whenUnreachable })
  if (!created) throw new TypeError(`denyList: the ${name} edition has no revocation list`)
  return created
}

/**
 * The documents that a resource publishes, and its edition's endpoints.
 *
 * @param documents by URL
 */
function publish(endpoints: ReadonlyMap<string, ResourceEndpoint>, documents: readonly [url: string, object][]) {
  const byPath = new Map(documents.map(([url, document]) => [new URL(url).pathname, document]))
  const methodsAt = (pathname: string) => (byPath.has(pathname) ? 'GET, HEAD' : 'POST')
  const paths = new Set([...byPath.keys(), ...endpoints.keys()])
  /** Clients in browsers fetch these documents. */
  const shared = new Set<string>()

  return {
    paths,
    methodsAt,
    /** Publishes the metadata of an OAuth endpoint. @throws TypeError if its path is taken */
    add({ id, metadataUrl, metadata }: ProtectedResource): void {
      const { pathname } = new URL(metadataUrl)
      if (paths.has(pathname)) throw new TypeError(`another endpoint already accepts access tokens for ${id}`)
      byPath.set(pathname, metadata)
      paths.add(pathname)
      shared.add(pathname)
    },
    /** @throws AAuthError `not_found`, `method_not_allowed`, and the errors that the endpoint throws */
    async respond(request: Request, pathname: string, message: ReceivedMessage): Promise<Response> {
      const endpoint = endpoints.get(pathname)
      const { method } = request
      if (endpoint && method === 'POST') {
        const answer = await endpoint(message, request.headers.get('content-type'))
        return answer instanceof Response ? answer : jsonResponse(200, answer, { 'cache-control': 'no-store' })
      }
      const document = byPath.get(pathname)
      if (!document && !endpoint) throw new AAuthError('not_found', 'This document does not exist.')
      const isShared = shared.has(pathname)
      if (isShared && method === 'OPTIONS') return new Response(null, { status: 204, headers: crossOrigin })
      if (document && (method === 'GET' || method === 'HEAD')) {
        const response = documentResponse(document)
        if (isShared) for (const [name, value] of Object.entries(crossOrigin)) response.headers.set(name, value)
        return response
      }
      throw new AAuthError('method_not_allowed', `Use ${methodsAt(pathname)}.`)
    },
  }
}

const crossOrigin = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, HEAD, OPTIONS',
  'access-control-allow-headers': 'mcp-protocol-version',
}
