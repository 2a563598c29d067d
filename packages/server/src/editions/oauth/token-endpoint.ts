import { randomUUID } from 'node:crypto'
import { AAuthError } from 'countersign'
import { readForm, requireParameter } from 'countersign/editions'
import { RateLimit } from '../../admission/rate-limit.js'
import type { ServerContext } from '../../http/context.js'
import type { Arrival } from '../../http/route.js'
import { hostOf } from '../../lib/policy.js'
import { sameResource } from '../../lib/resource-id.js'
import { hashSecret, type SigningKeys } from '../../secrets/server-keys.js'
import type { Rotation } from '../../storage/api/refresh-storage.js'
import type {
  CodeRedemption,
  PreparedIssue,
  ReasonOf,
  RedeemOutcome,
  RotationOutcome,
} from '../../storage/api/storage.js'
import { type AccessTokenResponse, issueAccessToken } from './access-token.js'
import { type AuthenticateClient, type AuthenticatedClient, clientIn } from './client-authentication.js'
import { clientAuthMethods } from './client-document.js'
import { hashOAuthSecret, isCodeOf } from './consent-transport.js'
import type { ClientFinder } from './find-client.js'
import type { ResourceFinder } from './find-resource.js'
import { OAuthProblem, orUnavailable } from './oauth-problem.js'
import { readToken, refreshHash, refreshTokenOf } from './refresh-token.js'
import { oauthError } from './refusals.js'
import type { Registration } from './registration.js'

/** Maximum size of a form, in bytes. */
export const maxOAuthForm = 16_384

/** What the token endpoint needs besides the server's context. */
export interface TokenEndpointParts {
  keys: Pick<SigningKeys, 'signer'>
  authenticate: AuthenticateClient
  clients: ClientFinder
  resources: ResourceFinder
  /** Where clients registered themselves; undefined if they cannot. */
  registration: Pick<Registration, 'extend'> | undefined
}

type Form = ReadonlyMap<string, string>
type TokenResponse = AccessTokenResponse & { refresh_token?: string }

/** An authenticated client's request for a token. */
interface TokenRequest extends AuthenticatedClient {
  form: Form
  ip: string | undefined
}

/** `POST /oauth/token`: exchanges a code or a refresh token for an access token. */
export function createTokenEndpoint(context: ServerContext, parts: TokenEndpointParts) {
  const { window, most } = refreshRate
  const refreshes = new RateLimit({ window, most: most * context.rateFactor }, context.now)
  const grants: ReadonlyMap<string, (request: TokenRequest) => Promise<TokenResponse>> = new Map([
    ['authorization_code', (request: TokenRequest) => exchangeCode(context, parts, request)],
    ['refresh_token', (request: TokenRequest) => refresh(context, { ...parts, refreshes }, request)],
  ])
  return async function token({ request, received }: Arrival): Promise<Response> {
    const form = readForm(request.headers.get('content-type'), await received.body(maxOAuthForm))
    const grant = grants.get(requireParameter(form, 'grant_type'))
    if (!grant)
      throw oauthError('unsupported_grant_type', `grant_type must be one of: ${[...grants.keys()].join(', ')}.`)
    const clientId = clientIn(form)
    await requireRegistered(parts, clientId)
    requireIssued(context, form, clientId)
    const ip = received.remoteAddress
    const client = await parts.authenticate({ form, headers: request.headers, ip })
    const body = await grant({ form, ip, ...client })
    await extendRegistration(context, parts, client.clientId)
    return tokenResponse(body)
  }
}

/** Requires a client whose id is not a URL to be registered still, without fetching anything: one that no longer exists registers again. */
async function requireRegistered({ clients }: TokenEndpointParts, clientId: string): Promise<void> {
  if (hostOf(clientId) !== undefined) return
  try {
    await clients.find(clientId, { mayFetch: false })
  } catch (error) {
    if (!(error instanceof OAuthProblem)) throw error
    throw oauthError('invalid_client', 'The client_id does not name a usable client.')
  }
}

/** Extends the registration of a client that gets a token. If that fails, the client gets the token anyway. */
async function extendRegistration(
  { onError }: ServerContext,
  { registration }: TokenEndpointParts,
  clientId: string,
): Promise<void> {
  await registration?.extend(clientId).catch((error: unknown) => onError(error, '-'))
}

/**
 * Requires the form to contain a secret that this server issued to the client, before the client's document is fetched: otherwise, anyone
 * could make this server send requests.
 */
function requireIssued({ secrets }: ServerContext, form: Form, clientId: string): void {
  const [code, refreshToken] = [form.get('code'), form.get('refresh_token')]
  if (code !== undefined && !isCodeOf(secrets, code, clientId))
    throw new AAuthError('code_unknown', 'The code was not issued to this client.')
  if (
    refreshToken !== undefined &&
    !clientAuthMethods.some((method) => readToken(secrets, refreshToken, { method, clientId }))
  )
    throw new AAuthError('refresh_token_refused', 'The refresh token was not issued to this client.')
  if (code === undefined && refreshToken === undefined)
    throw oauthError('invalid_request', 'The parameter code or refresh_token is missing.')
}

function tokenResponse(body: TokenResponse): Response {
  return Response.json(body, { headers: { 'cache-control': 'no-store' } })
}

/** How long a family of refresh tokens may be unused, in seconds. */
const idleSeconds = 30 * 86_400
/** How long the previous refresh token is accepted after its replacement, in seconds. */
const grace = 60
/** How often a family may be refreshed. Several windows of a client refresh at once. */
const refreshRate = { window: 60, most: 60 }

/**
 * Exchanges a code. The access token is signed before the code is consumed, so that a code is not lost if a rule denies the access for now
 * or the key cannot sign.
 */
async function exchangeCode(
  context: ServerContext,
  { keys }: TokenEndpointParts,
  { form, refreshes, ...client }: TokenRequest,
): Promise<TokenResponse> {
  const code = requireParameter(form, 'code')
  const verifier = requireParameter(form, 'code_verifier')
  if (!/^[A-Za-z0-9\-._~]{43,128}$/.test(verifier))
    throw oauthError('invalid_request', 'code_verifier must be 43 to 128 unreserved characters.')
  const family = randomUUID()
  const first = { family, generation: 0 }
  const { clientId } = client
  const redemption: CodeRedemption = {
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
    refresh: {
      family,
      isOffered: refreshes,
      tokenHash: refreshHash(context, client, first),
      idleSeconds,
      lifetime: context.lifetimes.refresh,
    },
  }
  const prepared = await context.storage.prepareRedemption(redemption)
  const signed = prepared && (await signFor(context, keys, prepared))
  const outcome = await context.storage.redeemCode({ ...redemption, issue: prepared?.issue })
  if (outcome.outcome === 'refused') throw codeRefusal(outcome.reason)
  const response = signed ?? (await signFor(context, keys, outcome))
  return outcome.refreshIssued ? { ...response, refresh_token: refreshTokenOf(context, client, first) } : response
}

/**
 * Refreshes an access token. The resource and the policy are checked, and the access token is signed, before the refresh token is replaced:
 * after any refusal or failure there, the client can use the same refresh token again.
 */
async function refresh(
  context: ServerContext,
  { keys, resources, refreshes }: TokenEndpointParts & { refreshes: RateLimit },
  { form, ip, clientId, method, refreshes: mayRefresh }: TokenRequest,
): Promise<TokenResponse> {
  if (!mayRefresh) throw oauthError('unauthorized_client', "The client's grant_types do not contain refresh_token.")
  const client = { clientId, method }
  const presented = readToken(context.secrets, requireParameter(form, 'refresh_token'), client)
  if (!presented) throw new AAuthError('refresh_token_refused', 'The client must authenticate as it did for its code.')
  const { family, generation } = presented
  const rotation: Rotation = {
    family,
    generation,
    tokenHash: refreshHash(context, client, presented),
    successorHash: refreshHash(context, client, { family, generation: generation + 1 }),
    agent: clientId,
    delegate: null,
    isResource: resourceCheck(form),
    tokenLifetime: context.lifetimes.authToken,
    scope: form.get('scope'),
    grace,
    idleSeconds,
  }
  const found = await context.storage.prepareRotation(rotation)
  // Reuse is always recorded, and never counted: otherwise, an attacker with a copied token could hide its reuse by using up the rate.
  if (found !== 'reused') requireRate(refreshes, family)
  const prepared = found === 'reused' ? undefined : found
  if (prepared) await requireAccepting(resources, prepared.grant.resource, ip)
  const signed = prepared && (await signFor(context, keys, prepared))
  const outcome = await context.storage.rotateRefresh({ ...rotation, issue: prepared?.issue })
  if (outcome.outcome === 'refused') throw refreshRefusal(outcome.reason)
  const response = signed ?? (await signFor(context, keys, outcome))
  return { ...response, refresh_token: refreshTokenOf(context, client, { family, generation: outcome.generation }) }
}

/** @throws AAuthError `too_many_requests` */
function requireRate(refreshes: RateLimit, family: string): void {
  const retryAfter = refreshes.count(family)
  if (retryAfter !== undefined) throw new AAuthError('too_many_requests', 'Too many refreshes.', { retryAfter })
}

async function signFor(
  context: ServerContext,
  keys: TokenEndpointParts['keys'],
  { grant, issue, user }: PreparedIssue,
): Promise<AccessTokenResponse> {
  const subject = { agent: grant, resource: grant.resource, issue, user }
  return issueAccessToken(context, await keys.signer(), subject)
}

/** Requires a resource to accept tokens of this server still, according to its own metadata, which is cached. */
async function requireAccepting(resources: ResourceFinder, resource: string, remoteAddress: string | undefined) {
  await orUnavailable(async () => {
    try {
      await resources.find(resource, { mayFetch: true, remoteAddress, holdsToken: true })
    } catch (error) {
      if (error instanceof OAuthProblem && noLongerOurs.has(error.code))
        throw oauthError('invalid_target', 'The resource does not accept tokens of this server.')
      throw error
    }
  })
}

const noLongerOurs: ReadonlySet<string> = new Set(['resource_unknown', 'resource_invalid', 'resource_not_ours'])

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
  if (reason === 'other_resource')
    return oauthError('invalid_target', 'The refresh token was issued for another resource.')
  if (reason === 'scope_exceeded')
    return oauthError('invalid_scope', 'The refresh token was issued for none of these scopes. Omit scope.')
  return new AAuthError('refresh_token_refused', `The refresh token was not accepted: ${reason}.`)
}
