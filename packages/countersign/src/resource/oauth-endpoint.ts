import type { Discovery } from '../discovery/discovery.js'
import type { BearerProtocol, ProtectedResource } from '../editions/bearer-protocol.js'
import { oauthResource } from '../editions/oauth/oauth-resource.js'
import type { RevocationList } from '../editions/resource-protocol.js'
import type { Authorized, AuthorizedRequest, Requirement, VerifiedRequest } from '../editions/verified-request.js'
import { readMessageFields, requireAuthority } from '../httpsig/message-components.js'
import { type ReceivedMessage, receiveRequest } from '../httpsig/received-message.js'
import { requireTarget, type SigningProfile } from '../httpsig/signing-profile.js'
import { AAuthError } from '../lib/errors.js'
import type { Emit } from '../lib/events.js'
import { requireKnownOptions } from '../lib/options.js'
import type { IdentifierOptions } from '../protocol/documents.js'
import { requireBearerRate } from './rate-limit.js'
import { type RequestReport, reportRequest } from './report-request.js'
import { type DeclaredResource, requireVerifyOptions, type VerifyRequestOptions } from './request-verifier.js'
import { type ResourceOptions, scopesForOAuth } from './resource-options.js'

/** An endpoint that also accepts OAuth access tokens: its own OAuth resource, with its own metadata and its own tokens. */
export interface OAuthEndpointOptions {
  /** The path of the endpoint, such as `/mcp`. `/` stands for the whole API. */
  path: string
  /** A name for the user who decides, unverified. @default none */
  name?: string | undefined
  /** The scopes that the endpoint uses. @default all scopes of the resource */
  scopes?: readonly string[] | undefined
  /** The scopes that a first request asks for. @default all scopes of the endpoint that access tokens may have */
  initialScopes?: readonly string[] | undefined
  /**
   * The scopes, space-separated, that every access token needs here, whatever the request. A token without them is refused before the
   * content of the request is received. @default none
   */
  connect?: string | undefined
}

const endpointOptions = {
  path: true,
  name: true,
  scopes: true,
  initialScopes: true,
  connect: true,
} as const satisfies Record<keyof OAuthEndpointOptions, true>

/** What a resource provides to its OAuth endpoints. */
export interface OAuthEndpointTools {
  options: ResourceOptions
  identifiers: IdentifierOptions
  discovery: Discovery
  signing: SigningProfile
  revocations: RevocationList | undefined
  now: () => number
  emit: Emit | undefined
}

/** Marks an error about a request with an access token. */
const bearerLevel = 'bearer'

/** The part of a resource that an endpoint changes. */
interface VerifyingResource {
  readonly id: string
  readonly scopes: readonly string[] | undefined
  readonly hasUserLevel: boolean
  verify<R extends Requirement>(
    source: Request | ReceivedMessage,
    options: VerifyRequestOptions<R>,
  ): Promise<VerifiedRequest<R>>
  toResponse(error: unknown, verified?: Authorized): Promise<Response>
}

/** Creates the view of a resource at one of its endpoints: signed requests are verified as before, and access tokens are accepted, too. */
export function createOAuthEndpoint<B extends VerifyingResource>(
  resource: B,
  endpoint: OAuthEndpointOptions,
  tools: OAuthEndpointTools,
): B & { readonly protectedResource: ProtectedResource } {
  requireKnownOptions('oauthEndpoint', endpoint, endpointOptions)
  if (/(?:scope|error|resource_metadata)\s*=/i.test(tools.options.wwwAuthenticate ?? ''))
    throw new TypeError(
      'wwwAuthenticate must not contain scope=, error= or resource_metadata=: clients would read them as ours',
    )
  const { authServer: issuer } = tools.options
  if (issuer === undefined) throw new TypeError("accept: 'oauth' needs authServer: OAuth clients use only one")
  const protectedResource = protectedResourceOf(endpoint, tools.options, issuer)
  const { identifiers, discovery, now } = tools
  const protocol = oauthResource.createProtocol({ ...identifiers, resource: protectedResource, discovery, issuer, now })
  const { id, scopes, hasUserLevel } = resource
  const declared = { id, scopes, hasUserLevel, protectedResource }
  const judge = createBearerVerifier(protectedResource, protocol, { ...tools, declared, connect: endpoint.connect })

  function readToken(message: ReceivedMessage): string | AAuthError | undefined {
    try {
      return protocol.readToken(message)
    } catch (error) {
      if (error instanceof AAuthError) return bearerError(error)
      throw error
    }
  }

  return {
    ...resource,
    protectedResource,
    async verify(source, required) {
      requireVerifyOptions(required, declared)
      const { accept: _accept, ...ofAnyResource } = required
      if (!acceptsToken(required)) return resource.verify(source, ofAnyResource).catch(refuseToSigners)
      const message = source instanceof Request ? receiveRequest(source) : source
      const token = readToken(message)
      if (token === undefined) return resource.verify(message, ofAnyResource)
      const report: RequestReport = { route: required.require, message }
      return reportRequest(tools.emit, tools.signing, report, async () => {
        // Reported like any other refusal.
        if (token instanceof AAuthError) throw token
        return judge(token, message, required, report)
      })
    },
    async toResponse(error, verified) {
      if (error instanceof AAuthError && error.challenge?.level === bearerLevel) {
        const { scope = protectedResource.initialScopes.join(' ') } = error.challenge
        const { status, headers, body } = protocol.writeRefusal(error, scope)
        return new Response(body, { status, headers })
      }
      const response = await resource.toResponse(error, verified)
      if (response.status !== 401 || (error instanceof AAuthError && error.challenge?.isSignedOnly)) return response
      // Bearer comes first: some clients read nothing else.
      const other = response.headers.get('www-authenticate')
      response.headers.set('www-authenticate', [protocol.challenge, ...(other === null ? [] : [other])].join(', '))
      return response
    },
  }
}

/** A token shows only what its user allowed, so it proves nothing if no scope is required. */
function acceptsToken({ require, accept }: Pick<VerifyRequestOptions<Requirement>, 'require' | 'accept'>): boolean {
  return accept ? accept.includes('oauth') : require === 'authorization'
}

/** An access token does not help, so the challenge must not require one. */
function refuseToSigners(error: unknown): never {
  if (!(error instanceof AAuthError) || !error.challenge) throw error
  throw Object.assign(error, { challenge: { ...error.challenge, isSignedOnly: true } })
}

/** Marks an error as one about a request with an access token. */
function bearerError(error: AAuthError): AAuthError {
  return error.withChallenge({ level: bearerLevel, scope: error.challenge?.scope })
}

function protectedResourceOf(
  endpoint: OAuthEndpointOptions,
  options: ResourceOptions,
  authServer: string,
): ProtectedResource {
  const { path, name, scopes } = endpoint
  // No character that has a meaning in a challenge, and no dot segment.
  if (!/^\/(?:(?!\.{1,2}(?:\/|$))[\w\-.~!$&'()*+:@]+(?:\/(?!\.{1,2}(?:\/|$))[\w\-.~!$&'()*+:@]+)*)?$/.test(path))
    throw new TypeError(`path must be the path of the endpoint, such as "/mcp", without a trailing slash, not ${path}`)
  const known = Object.entries(scopesForOAuth(options.scopes))
  const own = known.filter(([scope]) => scopes === undefined || scopes.includes(scope))
  if (own.length === 0)
    throw new TypeError(
      `accept: ${path} has no scope that an access token may have, so clients could not ask for anything: add scopes, or set oauth: true on one`,
    )
  const descriptions = Object.fromEntries(own)
  const { initialScopes = Object.keys(descriptions) } = endpoint
  const unknown = initialScopes.find((scope) => !Object.hasOwn(descriptions, scope))
  if (unknown !== undefined)
    throw new TypeError(`initialScopes: ${unknown} is not a scope that an access token may have at ${path}`)
  for (const scope of scopesIn(endpoint.connect)) {
    if (!Object.hasOwn(descriptions, scope))
      throw new TypeError(
        `connect: no access token may have the scope ${scope}, so OAuth clients could not connect at ${path}: use another scope, or set oauth: true on it`,
      )
    if (!initialScopes.includes(scope))
      throw new TypeError(
        `connect: the first request of OAuth clients would not ask for ${scope}, so they could not connect at ${path}: add it to the initial scopes`,
      )
  }
  const { id } = options
  return oauthResource.createProtectedResource({
    id: path === '/' ? id : id + path,
    authServer,
    name,
    initialScopes,
    descriptions,
  })
}

/** Verifies a request with an access token: token, revocation, scope, rate, content. */
function createBearerVerifier(
  resource: ProtectedResource,
  protocol: BearerProtocol,
  {
    options,
    revocations,
    now,
    declared,
    connect = '',
  }: OAuthEndpointTools & { declared: DeclaredResource; connect: string | undefined },
) {
  const { id, rateLimit, maxBody = 1_048_576, authorities = [new URL(id).host] } = options
  const always = scopesIn(connect)

  /** @throws AAuthError `scope_insufficient`, `policy_denied` */
  function requireScope(granted: readonly string[], scopes: readonly string[]): void {
    const missing = scopes.filter((value) => !granted.includes(value))
    if (missing.length === 0) return
    const reserved = missing.filter((value) => !resource.scopes.has(value))
    if (reserved.length > 0)
      throw new AAuthError(
        'policy_denied',
        `The scopes ${reserved.join(' ')} are only for agents that sign their requests.`,
      )
    // Before its content has arrived, it is not known what else the request needs: as for a client without a token.
    const initial = missing.some((value) => always.includes(value)) ? resource.initialScopes : []
    // Includes the scopes already granted: some clients request just what the challenge names.
    const union = [...new Set([...granted, ...scopes, ...initial])].join(' ')
    throw new AAuthError('scope_insufficient', `The access token lacks the scopes ${missing.join(' ')}.`, {
      challenge: { level: bearerLevel, scope: union },
    })
  }

  async function judge<R extends Requirement>(
    token: string,
    message: ReceivedMessage,
    required: VerifyRequestOptions<R>,
    report: RequestReport,
  ): Promise<VerifiedRequest<R>> {
    const fields = readMessageFields(message)
    const { path } = requireTarget(message.rawTarget)
    const authority = requireAuthority(fields, authorities)
    const { remoteAddress } = message
    const began = now()
    const { claims, scope: granted } = await protocol.verifyToken(token, remoteAddress)
    const { client_id: agent, iss, sub } = claims
    report.verified = { agent }
    await revocations?.requireUnrevoked(claims, agent)
    const scope = granted.filter((value) => resource.scopes.has(value))
    requireScope(scope, [...always, ...scopesIn(required.scope)])
    // Counted after the other checks of the head: the user's other clients share the limit.
    if (rateLimit) await requireBearerRate(rateLimit, { agent, iss, sub, remoteAddress })
    const authorization = { claims, scope, expired: false }
    message.dropTrailers?.()
    const body = await receiveContent(message, maxBody, { agent, authorization })
    // The content may have arrived slowly.
    if (now() > began) {
      await protocol.verifyToken(token, remoteAddress)
      await revocations?.requireUnrevoked(claims, agent)
    }
    protocol.requireNoTokenIn(message, body)
    const need = await required.requirementOf?.(body, 'bearer')
    if (need) {
      requireVerifyOptions(need, declared)
      report.route = need.require
      requireScope(scope, scopesIn(need.scope))
    }
    const verified: AuthorizedRequest = {
      method: message.method,
      authority,
      path,
      covered: [],
      thumbprint: undefined,
      scheme: 'bearer',
      tokenType: 'at+jwt',
      body,
      agent,
      delegate: undefined,
      authorization,
      iss,
      sub,
      scope,
      claims,
    }
    return verified as VerifiedRequest<R>
  }

  return async <R extends Requirement>(...asked: Parameters<typeof judge<R>>): Promise<VerifiedRequest<R>> => {
    try {
      return await judge(...asked)
    } catch (error) {
      throw error instanceof AAuthError ? bearerError(error) : error
    }
  }
}

function scopesIn(list = ''): string[] {
  return list.split(' ').filter((scope) => scope !== '')
}

const noContent = new Uint8Array(0)

async function receiveContent(
  message: ReceivedMessage,
  maxBody: number,
  sender: { agent: string; authorization: { expired: boolean } },
): Promise<Uint8Array> {
  const { upload } = message
  if (!upload) return message.body(maxBody)
  await upload.take(undefined, sender)
  return upload.content?.() ?? noContent
}
