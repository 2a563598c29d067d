import { createDiscovery } from '../discovery/create-discovery.js'
import type { Discovery } from '../discovery/discovery.js'
import type { DiscoveryLimits } from '../discovery/fetch-budget.js'
import type { FetchDocument } from '../discovery/fetch-document.js'
import type { CertificateFinder } from '../discovery/found-certificate.js'
import type { AllowedNetwork } from '../discovery/network-options.js'
import { bodyCoverage } from '../editions/body-coverage.js'
import type { ResourceEdition } from '../editions/edition.js'
import { januaryResource } from '../editions/january/january-resource.js'
import type { ResolvedKey } from '../editions/key-resolver.js'
import type { Requirement, VerifiedRequest } from '../editions/verified-request.js'
import { createMemoryNonces } from '../httpsig/memory-nonces.js'
import { type ClaimNonce, requireUnusedNonce } from '../httpsig/nonces.js'
import { receiveRequest } from '../httpsig/receive-request.js'
import { fieldValues, type ReceivedMessage } from '../httpsig/received-message.js'
import { type VerifySignatureOptions, verifySignature } from '../httpsig/verify-signature.js'
import { type Algorithm, publishedJwk } from '../lib/algorithms.js'
import { systemClock } from '../lib/clock.js'
import { AAuthError } from '../lib/errors.js'
import { createTell, type OnEvent } from '../lib/events.js'
import { jsonResponse } from '../lib/json.js'
import { requireKnownOptions, warnOnce } from '../lib/options.js'
import type { Signer } from '../lib/signer.js'
import type { AgentSelection } from '../protocol/agent-selection.js'
import { documentResponse, documentUrl, type OwnDocument } from '../protocol/document-type.js'
import { type EndpointOrigins, requireEndpointOrigins } from '../protocol/endpoint-origins.js'
import { requireIdentifier } from '../protocol/identifier.js'
import { requireOwnSigner } from '../tokens/require-own-signer.js'
import { type RateLimit, requireRate } from './rate-limit.js'
import { type ToldRequest, tellRequest } from './tell-request.js'
import { requireVerifyOptions, type VerifyRequestOptions } from './verify-request-options.js'

/** What a resource accepts from agents that speak another form of the protocol; each member is weaker than its default. */
export interface ResourceInterop {
  /** Agents whose signatures may leave the body out: anyone on the way may change it (W6). @default none */
  unsignedBodies?: AgentSelection | undefined
}

export interface ResourceOptions {
  /** The edition of AAuth that is spoken. @default January 2026 */
  edition?: ResourceEdition | undefined
  /** The resource's identifier: its `https` URL (W10). */
  id: string
  /** Signs resource tokens. */
  signer: Signer
  /** The auth server that resource tokens are for; its auth tokens are the only ones accepted. */
  authServer: string
  /** The permissions of this API, each described for the person who decides. Published as `scope_descriptions`. */
  scopes?: Readonly<Record<string, string>> | undefined
  /** Older public keys to keep publishing while tokens signed by them live. */
  retiredKeys?: readonly object[] | undefined
  /** Hosts, with ports, that requests may be signed for. @default the one of `id` */
  authorities?: readonly [string, ...string[]] | undefined
  /** @default all that the library knows */
  algorithms?: readonly Algorithm[] | undefined
  /** The resource is its own agent (S§3.5): auth tokens that name no agent are for itself and its delegates. @default false */
  ownAgent?: boolean | undefined
  /** Weaker rules for agents that speak another form of the protocol. @default none */
  interop?: ResourceInterop | undefined
  /** Largest body in bytes. @default 1 MiB */
  maxBody?: number | undefined
  /** `required`: requests that change something must carry a nonce (S§10.5). @default 'optional' */
  nonce?: 'optional' | 'required' | undefined
  /**
   * Remembers nonces; all instances must share one. It is called when nothing else refuses the request, and learns whose
   * nonce it is, so that it can limit each: see {@link createMemoryNonces}. @default a bounded store in this process
   */
  claimNonce?: ClaimNonce | undefined
  /**
   * Counts requests after their signature verified and before anything is issued for them (S§4.5): see
   * `createRateLimit`. Beyond the limit the answer is 429 with the challenge of the next level.
   * @default none: a stranger may send as many as the server takes
   */
  rateLimit?: RateLimit | undefined
  /**
   * Sent as `WWW-Authenticate` beside `Agent-Auth` with each 401 (S§4.7), for clients that sign in another way, as in
   * `Bearer realm="api.example"`. Nothing is verified for it: take those requests before you call
   * {@link Resource.verify}. @default none
   */
  wwwAuthenticate?: string | undefined
  /** Accepts `scheme=x509`: see `createCertificateFinder` in `countersign/x509`. @default refused */
  certificates?: CertificateFinder | undefined
  /**
   * While there is traffic, polls the list of what the auth server took back (`revocation_list_uri`), and refuses those
   * tokens within 5 seconds. @default tokens work until they end
   */
  denyList?: DenyListOptions | undefined
  /**
   * Other origins where the auth server's list of revocations may be, as in
   * `{ 'https://auth.example': ['https://lists.example'] }`. @default none: it must be at the origin of the auth server
   */
  endpointOrigins?: EndpointOrigins | undefined
  /** Seconds that a resource token lives. @default 600 */
  resourceTokenLifetime?: number | undefined
  /** Limits of what strangers can make the resource fetch, and when a failed lookup is answered. */
  discovery?: DiscoveryLimits | undefined
  /**
   * Private networks that agents' documents may be fetched from, as
   * `[{ cidr: '10.0.0.0/8', hosts: ['*.corp.example'] }]` (W28). `authServer` may be at any address without it. @default none
   */
  allowNetworks?: readonly AllowedNetwork[] | undefined
  /** An HTTP proxy to fetch by, if there is no direct way to the internet. `createGuardedFetch` in `countersign/node` says what is checked then. */
  egressProxy?: string | undefined
  /** @default a guarded fetch */
  fetch?: FetchDocument | undefined
  /** Told each request, refusal and lookup: logs, metrics and traces are made of it. @default nobody is */
  onEvent?: OnEvent | undefined
  /** Unix seconds. @default the system clock */
  now?: (() => number) | undefined
  /** Accepts `http` on literal loopback hosts with a port, for development. Warns once. @default false */
  allowInsecureLoopback?: boolean | undefined
  /** Accepts identifiers with a path, of its own and of others (W10): `https://host/~someone` is then not `https://host`. @default false */
  allowPath?: boolean | undefined
}

const resourceOptions = {
  edition: true,
  id: true,
  signer: true,
  authServer: true,
  scopes: true,
  retiredKeys: true,
  authorities: true,
  algorithms: true,
  ownAgent: true,
  interop: true,
  maxBody: true,
  nonce: true,
  claimNonce: true,
  rateLimit: true,
  wwwAuthenticate: true,
  certificates: true,
  denyList: true,
  endpointOrigins: true,
  resourceTokenLifetime: true,
  discovery: true,
  allowNetworks: true,
  egressProxy: true,
  fetch: true,
  onEvent: true,
  now: true,
  allowInsecureLoopback: true,
  allowPath: true,
} as const satisfies Record<keyof ResourceOptions, true>

export interface DenyListOptions {
  /**
   * What happens to requests with an auth token after 30 seconds without the list. `refuse`: they get 503, so that nobody
   * can go on using a removed token by cutting the connection to the auth server. `accept`: tokens work until they end, as
   * without the option, so that the resource stays up when the auth server is down. @default 'refuse'
   */
  whenUnreachable?: 'refuse' | 'accept' | undefined
}

export interface Resource {
  readonly id: string
  /** The published document. */
  readonly metadata: OwnDocument
  /** The permissions that can be asked for; undefined if the resource does not say. */
  readonly scopes: readonly string[] | undefined
  /** The paths that {@link Resource.handler} answers. */
  readonly publishedPaths: ReadonlySet<string>
  /** What it tells events to, for whoever builds on it. */
  readonly onEvent: OnEvent | undefined
  /**
   * Verifies a request and its level. Which rows the person may see is yours to check: a person is `iss` and `sub` together.
   * No shared cache may keep the answer: give it `Cache-Control: private, no-store` and `Vary: Signature-Key`, as the
   * adapters for frameworks do.
   *
   * @throws AAuthError to be given to {@link Resource.toResponse}
   */
  verify<R extends Requirement>(
    source: Request | ReceivedMessage,
    options: VerifyRequestOptions<R>,
  ): Promise<VerifiedRequest<R>>
  /**
   * Whether an authorization still holds, for answers that take long: the token has not ended, and with `denyList` nobody took
   * it back. What was verified without one holds.
   */
  stillHolds(verified: VerifiedRequest): Promise<boolean>
  /** The refusal as a response, with the challenge that says what is missing. Rethrows what is not an {@link AAuthError}. */
  toResponse(error: unknown): Promise<Response>
  /**
   * Serves the resource's document and keys, and what else the edition has resources answer; anything else is 404.
   * `received` is the message as it was on the wire, where the platform shows it.
   */
  handler(request: Request, received?: ReceivedMessage): Promise<Response>
}

/**
 * A protected API: verifies signed requests, challenges with resource tokens, and publishes its document and keys.
 *
 * @throws TypeError for options that cannot work
 * @example
 * ```ts
 * const resource = createResource({ id: 'https://api.example', signer, authServer: 'https://auth.example' })
 * ```
 */
export function createResource(options: ResourceOptions): Resource {
  requireKnownOptions('createResource', options, resourceOptions)
  requireKnownOptions('interop', options.interop ?? {}, { unsignedBodies: true })
  requireKnownOptions('denyList', options.denyList ?? {}, { whenUnreachable: true })
  const { id, signer, authServer, edition = januaryResource, now = systemClock, resourceTokenLifetime = 600 } = options
  const { allowInsecureLoopback = false, allowPath = false, endpointOrigins = {} } = options
  const identifiers = { allowInsecureLoopback, allowPath }
  if (allowInsecureLoopback)
    warnOnce(
      id,
      'allowInsecureLoopback',
      'any program on this machine can pretend to be this resource. Use it for trying only.',
    )
  requireIdentifier('id', id, identifiers)
  requireIdentifier('authServer', authServer, identifiers)
  requireOwnSigner('signer', signer, id)
  requireEndpointOrigins(endpointOrigins, identifiers, (name) => name === authServer)
  if (Array.isArray(options.scopes)) throw new TypeError("scopes must be an object: { 'data.read': 'See your data' }")
  if (!(Number.isInteger(resourceTokenLifetime) && resourceTokenLifetime >= 1 && resourceTokenLifetime <= 900))
    throw new TypeError('resourceTokenLifetime must be a whole number of seconds, 1 to 900')
  const { allowNetworks, egressProxy, scopes, algorithms, rateLimit, wwwAuthenticate } = options
  const network = { allowNetworks, egressProxy }
  // A value that no header can have is refused here.
  const otherWay = Object.fromEntries(new Headers(wwwAuthenticate ? { 'www-authenticate': wwwAuthenticate } : {}))
  const tell = createTell('resource', id, options.onEvent)
  const publicKeys = [signer.jwk, ...(options.retiredKeys ?? [])].map((jwk) =>
    publishedJwk(jwk, edition.documents.resource.jose),
  )
  const documentAddress = documentUrl(edition.documents.resource, id)
  const discovery: Discovery = createDiscovery({
    ...identifiers,
    ...options.discovery,
    ...network,
    fetch: options.fetch,
    configuredIssuers: [authServer],
    now,
    local: new Map([[documentAddress, async () => publicKeys]]),
    onLookup: tell,
  })
  const keys = edition.createKeyResolver({
    ...identifiers,
    discovery,
    role: 'resource',
    audience: id,
    now,
    authTokenIssuers: [authServer],
    certificates: options.certificates,
  })
  const ownAgent = options.ownAgent ?? false
  const protocol = edition.createResourceProtocol({
    id,
    signer,
    authServer,
    scopes,
    resourceTokenLifetime,
    ownAgent,
    now,
    verify: (message, require) => judge(message, { require }),
  })
  const revocations =
    options.denyList &&
    protocol.createRevocationList?.({
      ...identifiers,
      ...network,
      issuer: authServer,
      discovery,
      fetch: options.fetch,
      endpointOrigins,
      now,
      whenUnreachable: options.denyList.whenUnreachable ?? 'refuse',
    })
  if (options.denyList && !revocations) throw new TypeError(`denyList: ${edition.name} publishes no such list`)
  const claimNonce = options.claimNonce ?? createMemoryNonces({ now })
  const signatureOptions: VerifySignatureOptions<ResolvedKey> = {
    profile: edition.signing,
    authorities: options.authorities ?? ([new URL(id).host] as const),
    resolveKey: (reference, remoteAddress) => keys.resolve(reference, remoteAddress),
    renewKey: (reference, resolved, remoteAddress) => keys.renew(reference, resolved, remoteAddress),
    now,
    claimNonce: 'later',
    algorithms,
    body: bodyCoverage(options.interop?.unsignedBodies ?? []),
    maxBody: options.maxBody,
    nonce: options.nonce,
  }
  const authorizationOptions: VerifySignatureOptions<ResolvedKey> = {
    ...signatureOptions,
    resolveKey: (reference, remoteAddress) => keys.resolve(reference, remoteAddress, 'authorization'),
  }
  const { metadata, endpoints } = protocol
  const documents = new Map<string, object>([
    [new URL(documentAddress).pathname, metadata],
    [new URL(metadata.jwks_uri).pathname, { keys: publicKeys }],
  ])
  const declared = scopes && Object.keys(scopes)

  const verify: Resource['verify'] = async (source, required) => {
    requireVerifyOptions(required, { id, scopes: declared })
    const message = source instanceof Request ? receiveRequest(source) : source
    if (!tell) return judge(message, required)
    const { method, rawTarget: target } = message
    const signatureKey = () => fieldValues(message, 'signature-key').join(', ')
    const told: ToldRequest = { route: required.require, method, target, signatureKey }
    return tellRequest(tell, edition.signing, told, () => judge(message, required, told))
  }

  async function judge<R extends Requirement>(
    message: ReceivedMessage,
    required: VerifyRequestOptions<R>,
    told?: ToldRequest,
  ): Promise<VerifiedRequest<R>> {
    const byLevel = required.require === 'authorization' ? authorizationOptions : signatureOptions
    const verified = await challenging(required.require, () => verifySignature(message, byLevel))
    const { resolved, nonce } = verified
    if (told) told.verified = { agent: resolved.agent, delegate: resolved.delegate }
    const { remoteAddress } = message
    if (rateLimit) await requireRate(rateLimit, resolved, { remoteAddress, levelAbove: protocol.levelAbove })
    const { authorization } = resolved
    if (revocations && authorization && !authorization.expired)
      await revocations.requireUnrevoked(authorization.claims, ownAgent ? id : undefined)
    const { byContent } = required
    // A token that ended is refused for what the content needs, so that the challenge says all of it.
    const isEarly = !(byContent && authorization?.expired)
    let judged = (isEarly ? protocol.judge(verified, required) : undefined) as VerifiedRequest<R>
    if (verified.takeUpload) await challenging(required.require, verified.takeUpload)
    const content = message.upload?.content?.()
    if (byContent || content) {
      const whole = content ? { ...verified, body: content } : verified
      const need = await byContent?.(whole.body)
      if (need) {
        requireVerifyOptions(need, { id, scopes: declared })
        if (told) told.route = need.require
      }
      judged = protocol.judge(whole, need ?? required) as VerifiedRequest<R>
    }
    // Last, so that nothing is remembered of a request that is refused: a stranger sends as many as the server takes.
    const owner = { agent: judged.agent, thumbprint: judged.thumbprint, remoteAddress }
    const orIdentify = judged.agent === undefined ? protocol.levelAbove('signature') : undefined
    await challenging(required.require, () => requireUnusedNonce(claimNonce, nonce, owner), orIdentify)
    return judged
  }

  const stillHolds: Resource['stillHolds'] = async (verified) => {
    if (!verified.authorization) return true
    const { claims } = verified.authorization
    if (claims.exp <= now()) return false
    try {
      await revocations?.requireUnrevoked(claims, ownAgent ? id : undefined)
      return true
    } catch (error) {
      if (error instanceof AAuthError) return false
      throw error
    }
  }

  /** Adds a challenge to the error: for a refused signature, what is needed; for a 429, which level has higher limits. */
  async function challenging<T>(required: Requirement, work: () => Promise<T>, orElse?: string): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof AAuthError)) throw error
      const { status } = error
      const level = status === 429 ? orElse : status === 401 && protocol.levelToAsk(error.code, required)
      throw level ? error.withChallenge({ level }) : error
    }
  }

  const toResponse: Resource['toResponse'] = async (error) => {
    if (!(error instanceof AAuthError)) throw error
    const challenge = error.challenge && { ...(await protocol.challenge(error.challenge)), algorithms }
    const { status, headers, body } = edition.writeRefusal(error, challenge)
    if (status === 401) Object.assign(headers, otherWay)
    if (status === 500) warnOnce(id, error.code, error.message)
    return new Response(body, { status, headers })
  }

  async function answer(request: Request, pathname: string, received?: ReceivedMessage): Promise<Response> {
    const endpoint = endpoints.get(pathname)
    if (endpoint && request.method === 'POST') {
      const answered = await endpoint(received ?? receiveRequest(request), request.headers.get('content-type'))
      return jsonResponse(200, answered, { 'cache-control': 'no-store' })
    }
    const document = documents.get(pathname)
    if (!document && !endpoint) throw new AAuthError('not_found', 'No such document.')
    if (document && (request.method === 'GET' || request.method === 'HEAD')) return documentResponse(document)
    throw new AAuthError('method_not_allowed', `Ask for it with ${methodsAt(pathname)}.`)
  }

  function methodsAt(pathname: string): string {
    return documents.has(pathname) ? 'GET, HEAD' : 'POST'
  }

  const publishedPaths = new Set([...documents.keys(), ...endpoints.keys()])

  return {
    id,
    metadata,
    scopes: declared,
    publishedPaths,
    onEvent: options.onEvent,
    verify,
    stillHolds,
    toResponse,
    async handler(request, received) {
      const { pathname } = new URL(request.url)
      try {
        if (!tell) return await answer(request, pathname, received)
        const signatureKey = () => request.headers.get('signature-key') ?? ''
        const route = publishedPaths.has(pathname) ? pathname : 'none'
        const told = { route, method: request.method, target: pathname, signatureKey }
        return await tellRequest(tell, edition.signing, told, () => answer(request, pathname, received))
      } catch (error) {
        const refused = await toResponse(error)
        if (refused.status === 405) refused.headers.set('allow', methodsAt(pathname))
        return refused
      }
    },
  }
}
