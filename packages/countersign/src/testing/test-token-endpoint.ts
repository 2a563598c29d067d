import { AAuthError, type ClaimNonce } from '../index.js'
import { type Discovery, type Found, findTokenKey } from '../low-level-exports/discovery.js'
import {
  january,
  type KeyResolver,
  maxFormBytes,
  parseScope,
  readForm,
  requireParameter,
} from '../low-level-exports/editions.js'
import {
  receiveRequest,
  requireUnusedNonce,
  serializeBase64url,
  verifySignature,
} from '../low-level-exports/signatures.js'
import { verifyToken } from '../low-level-exports/tokens.js'
import { lifetimes, type TestGrant, type TestGrants } from './test-grants.js'

/** The access that a user is prompted to allow. */
interface OpenRequest extends Pick<TestGrant, 'agent' | 'resource' | 'scope'> {
  redirectUri: string
  expiresAt: number
}

/** The access that a user allowed, stored until the agent exchanges the code. */
interface OpenCode {
  grant: TestGrant
  requestToken: string
  redirectUri: string
  expiresAt: number
}

/** The state of the token endpoint. */
export interface TokenContext {
  grants: TestGrants
  discovery: Discovery
  keys: KeyResolver
  claimNonce: ClaimNonce
  /** By request token, code and refresh token, respectively. */
  requests: Map<string, OpenRequest>
  codes: Map<string, OpenCode>
  refreshTokens: Map<string, TestGrant>
  now: () => number
}

type Form = ReadonlyMap<string, string>

/** An agent whose signature and identity have been verified. */
interface SigningAgent {
  agent: string
  thumbprint: string
  jwk: object
}

/** Time that a user has to decide, in seconds. */
const patience = 600

/** Handlers by the `request_type` of the form (S§9.3–9.7). */
export const requestTypes: ReadonlyMap<
  string,
  (context: TokenContext, agent: SigningAgent, form: Form) => Promise<object>
> = new Map([
  ['auth', ask],
  ['code', exchangeCode],
  ['refresh', refresh],
])

/** Responds to a form signed by an agent. @throws AAuthError */
export async function handleTokenRequest(context: TokenContext, request: Request): Promise<Response> {
  const { agent, body } = await requireAgent(context, request)
  const form = readForm(request.headers.get('content-type'), body)
  const answer = requestTypes.get(requireParameter(form, 'request_type'))
  if (!answer)
    throw new AAuthError('request_type_unsupported', `request_type must be one of: ${[...requestTypes.keys()].join()}.`)
  return Response.json(await answer(context, agent, form), { headers: { 'cache-control': 'no-store' } })
}

async function requireAgent(
  { grants, keys, claimNonce, now }: TokenContext,
  request: Request,
): Promise<{ agent: SigningAgent; body: Uint8Array }> {
  const { resolved, nonce, body } = await verifySignature(receiveRequest(request), {
    profile: january.signing,
    authorities: [new URL(grants.issuer).host],
    resolveKey: (reference, remoteAddress) => keys.resolve(reference, remoteAddress),
    renewKey: (reference, known, remoteAddress) => keys.renew(reference, known, remoteAddress),
    claimNonce: 'later',
    maxBody: maxFormBytes,
    now,
  })
  const { agent, key } = resolved
  if (agent === undefined)
    throw new AAuthError(
      'identity_required',
      'The signature proves possession of a key, but does not identify an agent.',
    )
  const { thumbprint, jwk } = key
  await requireUnusedNonce(claimNonce, nonce, { agent, thumbprint, remoteAddress: undefined })
  return { agent: { agent, thumbprint, jwk }, body }
}

async function ask(context: TokenContext, agent: SigningAgent, form: Form): Promise<object> {
  const { discovery, requests, now } = context
  const redirectUri = requireParameter(form, 'redirect_uri')
  const access = await requireAccess(context, agent, form)
  const outcome = await discovery.findMetadata(january.documents.agent, agent.agent)
  if (!requireFound(outcome, 'key_unknown').redirect_uris?.includes(redirectUri))
    throw new AAuthError('redirect_uri_not_listed', 'The redirect URI is not in the agent’s document.')
  const token = randomText()
  requests.set(token, { ...access, agent: agent.agent, redirectUri, expiresAt: now() + patience })
  return { request_token: token, expires_in: patience }
}

/** The requested access: what the resource token states (S§6), or a scope at the agent itself (S§3.5). */
async function requireAccess(
  { grants, discovery, now }: TokenContext,
  { agent, thumbprint }: SigningAgent,
  form: Form,
): Promise<Pick<TestGrant, 'resource' | 'scope'>> {
  const own = form.get('scope')
  if (own !== undefined) return { resource: agent, scope: requireScope(own) }
  const { claims } = await verifyToken(january.tokens.resource, requireParameter(form, 'resource_token'), {
    audience: grants.issuer,
    now,
    findKey: findTokenKey(discovery, january.documents.resource, (found) =>
      requireFound(found, 'resource_token_invalid'),
    ),
  })
  if (claims.agent !== agent || claims.agent_jkt !== thumbprint)
    throw new AAuthError('resource_token_invalid', 'The resource token is for another agent or key.')
  return { resource: claims.iss, scope: requireScope(claims.scope ?? '') }
}

async function exchangeCode(context: TokenContext, { agent, jwk }: SigningAgent, form: Form): Promise<object> {
  const { codes, refreshTokens, now } = context
  const code = requireParameter(form, 'code')
  const held = codes.get(code)
  codes.delete(code)
  if (!held || held.expiresAt <= now()) throw new AAuthError('code_unknown', 'The code is unknown or has expired.')
  const { grant, redirectUri, requestToken } = held
  if (grant.agent !== agent) throw new AAuthError('code_foreign', 'The code is for another agent.')
  const isEqual = (name: string, value: string) => (form.get(name) ?? value) === value
  if (!isEqual('redirect_uri', redirectUri) || !isEqual('request_token', requestToken))
    throw new AAuthError('code_injected', 'The code belongs to another request.')
  const refreshToken = randomText()
  refreshTokens.set(refreshToken, grant)
  return { ...(await tokenFor(context, grant, jwk)), refresh_token: refreshToken }
}

async function refresh(context: TokenContext, { agent, jwk }: SigningAgent, form: Form): Promise<object> {
  const grant = context.refreshTokens.get(requireParameter(form, 'refresh_token'))
  if (grant?.agent !== agent) throw new AAuthError('refresh_token_refused', 'The refresh token is not valid.')
  return tokenFor(context, grant, jwk)
}

async function tokenFor({ grants }: TokenContext, grant: TestGrant, jwk: object): Promise<object> {
  if (grant.isRevoked) throw new AAuthError('grant_ended', 'The user revoked the grant.')
  return { auth_token: await grants.issue(grant, jwk), expires_in: lifetimes.token, token_type: 'Bearer' }
}

function requireScope(text: string): string {
  const scope = parseScope(text)
  if (!scope) throw new AAuthError('scope_invalid', 'The scope must be a list of 1 to 64 valid values.')
  return scope.join(' ')
}

function requireFound<T>(found: Found<T>, code: 'key_unknown' | 'resource_token_invalid'): T {
  if ('found' in found) return found.found
  throw new AAuthError(code, `The document or key was not found: ${found.failure.message}.`, { cause: found.failure })
}

/** An unguessable string. */
export function randomText(): string {
  return serializeBase64url(crypto.getRandomValues(new Uint8Array(18)))
}
