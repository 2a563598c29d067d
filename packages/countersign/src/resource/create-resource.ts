import type { AllowedNetwork } from '../discovery/allowed-networks.node.js'
import { createDiscovery, type Discovery } from '../discovery/discovery.js'
import type { DiscoveryLimits } from '../discovery/fetch-budget.js'
import type { FetchDocument } from '../discovery/fetch-document.js'
import {
  type CertificateFinder,
  createKeyRenewer,
  createKeyResolver,
  type ResolvedKey,
} from '../discovery/resolve-key.js'
import { createRevocationList } from '../discovery/revocation-list.js'
import { type ClaimNonce, requireUnusedNonce } from '../httpsig/claim-nonce.js'
import { parseEitherSignatureKey } from '../httpsig/later-signature-key.js'
import { createMemoryNonces } from '../httpsig/memory-nonces.js'
import { receiveRequest } from '../httpsig/receive-request.js'
import type { ReceivedMessage } from '../httpsig/received-message.js'
import { type BodyCoverage, type VerifySignatureOptions, verifySignature } from '../httpsig/verify-signature.js'
import type { Algorithm } from '../lib/algorithms.js'
import { systemClock } from '../lib/clock.js'
import { AAuthError, type ChallengeContext } from '../lib/errors.js'
import { jsonResponse } from '../lib/json-response.js'
import { requireKnownOptions } from '../lib/require-known-options.js'
import type { Signer } from '../lib/signer.js'
import { warnOnce } from '../lib/warn-once.js'
import { type AgentSelection, isSelected, selectsAny } from '../protocol/agent-selection.js'
import { serializeChallenge } from '../protocol/challenge.js'
import { type EndpointOrigins, requireEndpointOrigins } from '../protocol/endpoint-origins.js'
import { errorResponse } from '../protocol/error-response.js'
import { requireIdentifier } from '../protocol/identifier.js'
import { metadataUrl, type ResourceMetadata } from '../protocol/metadata.js'
import { issueToken } from '../tokens/issue-token.js'
import { requireOwnSigner } from '../tokens/require-own-signer.js'
import { judgeLevel, type Requirement, type VerifiedRequest } from './judge-level.js'
import { type RateLimit, requireRate } from './rate-limit.js'
import { answerResourceTokenRequest, type ResourceTokenEndpoint } from './resource-token-endpoint.js'
import { requireVerifyOptions, type VerifyRequestOptions } from './verify-request-options.js'

/** What a resource accepts from agents that speak another form of the protocol; each member is weaker than its default. */
export interface ResourceInterop {
  /** Agents whose signatures may leave the body out: anyone on the way may change it (W6). @default none */
  unsignedBodies?: AgentSelection | undefined
  /**
   * `both` also reads the later form `sig1=jwks;id="…"` of `Signature-Key` (W1): whatever stands in front must read both
   * alike. @default 'january'
   */
  signatureKeyForm?: 'january' | 'both' | undefined
}

export interface ResourceOptions {
  /** The resource's identifier: its `https` URL (W10). */
  id: string
  /** Signs resource tokens. */
  signer: Signer
  /** The auth server that resource tokens are for; its auth tokens are the only ones accepted. */
  authServer: string
  /** What can be asked for, in words for the person who decides: published as `scope_descriptions`. */
  scopes?: Readonly<Record<string, string>> | undefined
  /** Older public keys to keep publishing while tokens signed by them live. */
  retiredKeys?: readonly object[] | undefined
  /** Authorities the resource answers under. @default the one of `id` */
  authorities?: readonly [string, ...string[]] | undefined
  /** @default all that the library knows */
  algorithms?: readonly Algorithm[] | undefined
  /** The resource is its own agent (S§3.5): auth tokens for it that name no agent are its own delegates' and its own. @default false */
  ownAgent?: boolean | undefined
  /** Accepts less, from agents that speak another form of the protocol. @default nothing */
  interop?: ResourceInterop | undefined
  /** Largest body in bytes. @default 1 MiB */
  maxBody?: number | undefined
  /** `required`: requests that change something must carry a nonce (S§10.5). @default 'optional' */
  nonce?: 'optional' | 'required' | undefined
  /**
   * Remembers nonces; share one among instances. Asked when nothing else refuses the request, and told whose nonce it is,
   * so that nobody fills it for all: see {@link createMemoryNonces}. @default a bounded store in this process
   */
  claimNonce?: ClaimNonce | undefined
  /**
   * Counts requests whose signature verified, before anything is issued for them (S§4.5): see {@link createRateLimit}.
   * Beyond it 429, with the challenge of the level above. @default none: a stranger may send as many as the server takes
   */
  rateLimit?: RateLimit | undefined
  /** Accepts `scheme=x509`: see `createCertificateFinder` in `countersign/x509`. @default refused */
  certificates?: CertificateFinder | undefined
  /**
   * Polls what the auth server took back (its `revocation_list_uri`) while there is traffic, and refuses those tokens
   * within 5 s, where they would else work until they end. @default tokens work until they end
   */
  denyList?: DenyListOptions | undefined
  /**
   * Other origins that the auth server's list of revocations may be at, as in
   * `{ 'https://auth.example': ['https://lists.example'] }`. @default none: it must be at the origin of the auth server
   */
  endpointOrigins?: EndpointOrigins | undefined
  /** Seconds that a resource token lives. @default 600 */
  resourceTokenLifetime?: number | undefined
  /** How much is fetched because strangers ask for it, and how they are told that nothing was found. */
  discovery?: DiscoveryLimits | undefined
  /**
   * Networks that are not public, where agents' documents may be fetched from all the same, as
   * `[{ cidr: '10.0.0.0/8', hosts: ['*.corp.example'] }]` (W28). `authServer` may be at any address without it. @default none
   */
  allowNetworks?: readonly AllowedNetwork[] | undefined
  /** An HTTP proxy where there is no direct way out: see `createGuardedFetch` in `countersign/node` for what is checked then. */
  egressProxy?: string | undefined
  /** @default a guarded fetch */
  fetch?: FetchDocument | undefined
  /** Unix seconds. @default the system clock */
  now?: (() => number) | undefined
  /** Accepts `http` on literal loopback hosts with a port, for development. Warns once. @default false */
  allowInsecureLoopback?: boolean | undefined
  /** Accepts identifiers with a path, of its own and of others (W10): `https://host/~someone` is then not `https://host`. @default false */
  allowPath?: boolean | undefined
}

const resourceOptions = {
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
  certificates: true,
  denyList: true,
  endpointOrigins: true,
  resourceTokenLifetime: true,
  discovery: true,
  allowNetworks: true,
  egressProxy: true,
  fetch: true,
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
  readonly metadata: ResourceMetadata
  /**
   * Verifies a request and judges its level. It does not check what the person's rows allow: use `sub` with `iss` for that.
   * No shared cache may keep the answer: give it `Cache-Control: private, no-store` and `Vary: Signature-Key`, as the
   * adapters for frameworks do.
   *
   * @throws AAuthError to be given to {@link Resource.toResponse}
   */
  verify<R extends Requirement>(
    source: Request | ReceivedMessage,
    options: VerifyRequestOptions<R>,
  ): Promise<VerifiedRequest<R>>
  /** The refusal as a response, with the challenge that says what is missing. Rethrows what is not an {@link AAuthError}. */
  toResponse(error: unknown): Promise<Response>
  /**
   * Serves `/.well-known/aauth-resource`, `/jwks.json` and `POST /resource/token` (S§9.2.5); anything else is 404.
   * `received` is the message as it was on the wire, where the platform shows it.
   */
  handler(request: Request, received?: ReceivedMessage): Promise<Response>
}

/**
 * A protected API: verifies signed requests, challenges with resource tokens, and publishes its document and keys
 * (S§4, 6, 8.3).
 *
 * @throws TypeError for options that cannot work
 * @example
 * ```ts
 * const resource = createResource({ id: 'https://api.example', signer, authServer: 'https://auth.example' })
 * ```
 */
export function createResource(options: ResourceOptions): Resource {
  requireKnownOptions('createResource', options, resourceOptions)
  requireKnownOptions('interop', options.interop ?? {}, { unsignedBodies: true, signatureKeyForm: true })
  requireKnownOptions('denyList', options.denyList ?? {}, { whenUnreachable: true })
  const { id, signer, authServer, now = systemClock, resourceTokenLifetime = 600, interop = {} } = options
  const { allowInsecureLoopback = false, allowPath = false, endpointOrigins = {} } = options
  const { unsignedBodies = [], signatureKeyForm = 'january' } = interop
  const identifiers = { allowInsecureLoopback, allowPath }
  if (identifiers.allowInsecureLoopback)
    warnOnce(id, 'allowInsecureLoopback', 'anybody on this machine can answer for it')
  requireIdentifier('id', id, identifiers)
  requireIdentifier('authServer', authServer, identifiers)
  requireOwnSigner('signer', signer, id)
  requireEndpointOrigins(endpointOrigins, identifiers, (name) => name === authServer)
  if (Array.isArray(options.scopes)) throw new TypeError("scopes must be an object: { 'data.read': 'See your data' }")
  if (!(Number.isInteger(resourceTokenLifetime) && resourceTokenLifetime >= 1 && resourceTokenLifetime <= 900))
    throw new TypeError('resourceTokenLifetime must be a whole number of seconds, 1 to 900')
  const { allowNetworks, egressProxy } = options
  const network = { allowNetworks, egressProxy }
  const publicKeys = [signer.jwk, ...(options.retiredKeys ?? [])]
  const discovery: Discovery = createDiscovery({
    ...identifiers,
    ...options.discovery,
    ...network,
    fetch: options.fetch,
    configuredIssuers: [authServer],
    now,
    local: new Map([[metadataUrl(id, 'aauth-resource'), async () => publicKeys]]),
  })
  const resolveKey = createKeyResolver({
    ...identifiers,
    discovery,
    audience: id,
    now,
    authTokenIssuers: [authServer],
    absentWellKnown: 'jwks',
    certificates: options.certificates,
  })
  const { whenUnreachable = 'refuse' } = options.denyList ?? {}
  const revocations =
    options.denyList &&
    createRevocationList({
      ...identifiers,
      ...network,
      issuer: authServer,
      discovery,
      fetch: options.fetch,
      endpointOrigins,
      now,
      whenUnreachable,
    })
  const claimNonce = options.claimNonce ?? createMemoryNonces({ now })
  const signatureOptions: VerifySignatureOptions<ResolvedKey> = {
    authorities: options.authorities ?? ([new URL(id).host] as const),
    resolveKey,
    renewKey: createKeyRenewer(discovery),
    now,
    claimNonce: 'later',
    algorithms: options.algorithms,
    parseSignatureKey: signatureKeyForm === 'both' ? parseEitherSignatureKey : undefined,
    body: selectsAny(unsignedBodies) ? ({ agent }) => coverageFor(agent, unsignedBodies) : undefined,
    maxBody: options.maxBody,
    nonce: options.nonce,
  }
  const authorizationOptions: VerifySignatureOptions<ResolvedKey> = {
    ...signatureOptions,
    resolveKey: (signatureKey, remoteAddress) => resolveKey(signatureKey, remoteAddress, 'auth+jwt'),
  }
  const metadata: ResourceMetadata = {
    resource: id,
    jwks_uri: `${id}/jwks.json`,
    resource_token_endpoint: `${id}/resource/token`,
    ...(options.scopes
      ? { supported_scopes: Object.keys(options.scopes), scope_descriptions: { ...options.scopes } }
      : {}),
  }
  const documents = new Map<string, object>([
    [new URL(metadataUrl(id, 'aauth-resource')).pathname, metadata],
    [new URL(metadata.jwks_uri).pathname, { keys: publicKeys }],
  ])

  function issueResourceToken(binding: { agent: string; thumbprint: string }, scope: string): Promise<string> {
    const claims = {
      iss: id,
      aud: authServer,
      agent: binding.agent,
      agent_jkt: binding.thumbprint,
      scope,
      exp: now() + resourceTokenLifetime,
    }
    return issueToken('resource+jwt', claims, { signer, now })
  }

  async function challengeFor(context: ChallengeContext): Promise<string> {
    const offered = options.algorithms ? { algs: options.algorithms } : {}
    if (context.level === 'signature' || context.level === 'identity')
      return serializeChallenge({ level: context.level, ...offered })
    const { binding, scope } = context
    if (!binding || scope === undefined) return serializeChallenge({ level: 'authorization', ...offered })
    const resourceToken = await issueResourceToken(binding, scope)
    return serializeChallenge({ level: 'authorization', resourceToken, authServer, ...offered })
  }

  const verify: Resource['verify'] = async (source, required) => {
    requireVerifyOptions(required, metadata)
    const message = source instanceof Request ? receiveRequest(source) : source
    const byLevel = required.require === 'authorization' ? authorizationOptions : signatureOptions
    const verified = await challenging(required.require, () => verifySignature(message, byLevel))
    const { resolved, nonce } = verified
    const { remoteAddress } = message
    if (options.rateLimit) await requireRate(options.rateLimit, resolved, remoteAddress)
    const ownAgent = options.ownAgent ? id : undefined
    const { token } = resolved
    if (revocations && token?.kind === 'auth+jwt' && !token.expired)
      await revocations.requireUnrevoked(token.claims, ownAgent)
    const judged = judgeLevel(verified, required, ownAgent)
    // Last, so that nothing is remembered of a request that is refused: a stranger sends as many as the server takes.
    const owner = { agent: judged.agent, thumbprint: judged.thumbprint, remoteAddress }
    await challenging(required.require, () => requireUnusedNonce(claimNonce, nonce, owner))
    return judged
  }

  const toResponse: Resource['toResponse'] = async (error) => {
    if (!(error instanceof AAuthError)) throw error
    const { status, headers, body } = errorResponse(error)
    if (status === 500) warnOnce(id, error.code, error.message)
    if (error.challenge) headers['agent-auth'] = await challengeFor(error.challenge)
    if (error.code !== 'authorization_required') return new Response(body, { status, headers })
    return new Response('Authorization required', { status, headers: { ...headers, 'content-type': 'text/plain' } })
  }

  const tokenEndpoint: ResourceTokenEndpoint = {
    authServer,
    scopes: options.scopes && Object.keys(options.scopes),
    lifetime: resourceTokenLifetime,
    verify: (message) => verify(message, { require: 'identity' }),
    issue: issueResourceToken,
  }

  async function issueOnRequest(request: Request, received?: ReceivedMessage): Promise<Response> {
    try {
      const message = received ?? receiveRequest(request)
      const answer = await answerResourceTokenRequest(tokenEndpoint, message, request.headers.get('content-type'))
      return jsonResponse(200, answer, { 'cache-control': 'no-store' })
    } catch (error) {
      return toResponse(error)
    }
  }

  const tokenPath = new URL(`${id}/resource/token`).pathname

  return {
    id,
    metadata,
    verify,
    toResponse,
    async handler(request, received) {
      const { pathname } = new URL(request.url)
      if (pathname === tokenPath && request.method === 'POST') return issueOnRequest(request, received)
      const document = documents.get(pathname)
      if (!document && pathname !== tokenPath) {
        return jsonResponse(404, { error: 'invalid_request', error_description: 'No such document.' })
      }
      if (!document || (request.method !== 'GET' && request.method !== 'HEAD')) {
        return jsonResponse(405, { error: 'invalid_request' }, { allow: document ? 'GET, HEAD' : 'POST' })
      }
      return jsonResponse(200, document, { 'cache-control': 'public, max-age=300' })
    },
  }
}

/** Adds to a refusal of the signature what would let the request through. */
async function challenging<T>(required: Requirement, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof AAuthError) || error.status !== 401) throw error
    throw error.withChallenge({ level: levelToAsk(error, required) })
  }
}

// Nothing verified, so nothing is bound: a bad auth token asks for one without a resource token, everything else for a signature.
function levelToAsk(error: AAuthError, required: Requirement): ChallengeContext['level'] {
  if (error.code === 'auth_token_invalid') return 'authorization'
  return required === 'signature' ? 'signature' : 'identity'
}

function coverageFor(agent: string | undefined, unsignedBodies: AgentSelection): BodyCoverage {
  return isSelected(unsignedBodies, agent) ? 'if-covered' : 'required'
}
