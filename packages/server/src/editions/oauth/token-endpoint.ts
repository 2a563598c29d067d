import { randomUUID } from 'node:crypto'
import { AAuthError } from 'countersign'
import { readForm, requireParameter } from 'countersign/editions'
import type { ServerContext } from '../../http/context.js'
import type { Arrival } from '../../http/route.js'
import { hashSecret, type ServerKeys, type TokenGeneration } from '../../secrets/server-keys.js'
import type { ReasonOf, RedeemOutcome, RotationOutcome } from '../../storage/api/storage.js'
import { type AccessTokenResponse, issueAccessToken } from './access-token.js'
import type { AuthenticateClient, AuthenticatedClient } from './client-authentication.js'
import { hashOAuthSecret } from './consent-transport.js'
import { oauthName } from './names.js'
import { oauthError } from './refusals.js'
import { sameResource } from './resource-id.js'

/** Maximum size of a form, in bytes. */
export const maxOAuthForm = 16_384

/** What the token endpoint needs besides the server's context. */
export interface TokenEndpointParts {
  keys: Pick<ServerKeys, 'signer'>
  authenticate: AuthenticateClient
}

type Form = ReadonlyMap<string, string>
type TokenResponse = AccessTokenResponse & { refresh_token?: string }

/** An authenticated client's request for a token. */
interface TokenRequest extends AuthenticatedClient {
  form: Form
}

/** `POST /oauth/token`: exchanges a code or a refresh token for an access token. */
export function createTokenEndpoint(context: ServerContext, parts: TokenEndpointParts) {
  const grants: ReadonlyMap<string, (request: TokenRequest) => Promise<TokenResponse>> = new Map([
    ['authorization_code', (request: TokenRequest) => exchangeCode(context, parts, request)],
    ['refresh_token', (request: TokenRequest) => refresh(context, parts, request)],
  ])
  return async function token({ request, received }: Arrival): Promise<Response> {
    const form = readForm(request.headers.get('content-type'), await received.body(maxOAuthForm))
    const grant = grants.get(requireParameter(form, 'grant_type'))
    if (!grant)
      throw oauthError('unsupported_grant_type', `grant_type must be one of: ${[...grants.keys()].join(', ')}.`)
    const client = await parts.authenticate({ form, headers: request.headers, ip: received.remoteAddress })
    return tokenResponse(await grant({ form, ...client }))
  }
}

function tokenResponse(body: TokenResponse): Response {
  return Response.json(body, { headers: { 'cache-control': 'no-store', 'access-control-allow-origin': '*' } })
}

/** How long a family of refresh tokens may be unused, in seconds. */
const idleSeconds = 30 * 86_400
/** How long the previous refresh token is accepted after its replacement, in seconds. */
const grace = 60

async function exchangeCode(
  context: ServerContext,
  { keys }: TokenEndpointParts,
  { form, clientId, method, refreshes }: TokenRequest,
): Promise<TokenResponse> {
  const code = requireParameter(form, 'code')
  const verifier = requireParameter(form, 'code_verifier')
  if (!/^[A-Za-z0-9\-._~]{43,128}$/.test(verifier))
    throw oauthError('invalid_request', 'code_verifier must be 43 to 128 unreserved characters.')
  const family = randomUUID()
  const outcome = await context.storage.redeemCode({
    codeHash: hashOAuthSecret('code', code),
    agent: clientId,
    delegate: null,
    // The S256 challenge takes the place of the key: only the client that knows the verifier may redeem the code.
    jkt: hashSecret(verifier),
    bindToKey: true,
    burnsOnMisuse: false,
    redirectUri: form.get('redirect_uri'),
    isResource: resourceCheck(form),
    tokenLifetime: context.lifetimes.authToken,
    refresh: refreshes
      ? {
          family,
          tokenHash: refreshHash(context, method, { family, generation: 0 }),
          idleSeconds,
          lifetime: context.lifetimes.refresh,
        }
      : undefined,
  })
  if (outcome.outcome === 'refused') throw codeRefusal(outcome.reason)
  const { grant, issue, user } = outcome
  const answer = await issueAccessToken(context, keys, { agent: grant, resource: grant.resource, issue, user })
  if (!outcome.refreshIssued) return answer
  return { ...answer, refresh_token: refreshTokenOf(context, method, { family, generation: 0 }) }
}

async function refresh(
  context: ServerContext,
  { keys }: TokenEndpointParts,
  { form, clientId, method }: TokenRequest,
): Promise<TokenResponse> {
  const presented = context.secrets.readRefreshToken(familyOf(method), requireParameter(form, 'refresh_token'))
  if (!presented) throw new AAuthError('refresh_token_refused', 'The refresh token was not issued by this server.')
  const { family, generation } = presented
  const outcome = await context.storage.rotateRefresh({
    family,
    generation,
    tokenHash: refreshHash(context, method, presented),
    successorHash: refreshHash(context, method, { family, generation: generation + 1 }),
    agent: clientId,
    delegate: null,
    isResource: resourceCheck(form),
    tokenLifetime: context.lifetimes.authToken,
    scope: form.get('scope'),
    grace,
    idleSeconds,
  })
  if (outcome.outcome === 'refused') throw refreshRefusal(outcome.reason)
  const { grant, issue, user } = outcome
  const answer = await issueAccessToken(context, keys, { agent: grant, resource: grant.resource, issue, user })
  return { ...answer, refresh_token: refreshTokenOf(context, method, { family, generation: outcome.generation }) }
}

type Method = AuthenticatedClient['method']

/** The name under which refresh tokens are derived. A client that authenticated for its code must authenticate for each refresh. */
export function familyOf(method: Method): string {
  return `${oauthName} ${method}`
}

function refreshTokenOf({ secrets }: ServerContext, method: Method, generation: TokenGeneration): string {
  return secrets.refreshTokenOf(familyOf(method), generation)
}

function refreshHash(context: ServerContext, method: Method, generation: TokenGeneration): string {
  return hashOAuthSecret('refresh', refreshTokenOf(context, method, generation))
}

/** Whether the `resource` of a form names the grant's resource; clients may leave it out. */
function resourceCheck(form: Form): ((resource: string) => boolean) | undefined {
  const sent = form.get('resource')
  return sent === undefined ? undefined : (resource) => sameResource(sent, resource)
}

function codeRefusal(reason: ReasonOf<RedeemOutcome>): AAuthError {
  return reason === 'other_resource'
    ? oauthError('invalid_target', 'The code was issued for another resource.')
    : new AAuthError('code_unknown', `The code was not redeemed: ${reason}.`)
}

function refreshRefusal(reason: ReasonOf<RotationOutcome>): AAuthError {
  return reason === 'other_resource'
    ? oauthError('invalid_target', 'The refresh token was issued for another resource.')
    : new AAuthError('refresh_token_refused', `The refresh token was not accepted: ${reason}.`)
}
