import { AgentError } from '../../lib/agent-error.js'
import type { PublicJwk } from '../../lib/algorithms.js'
import { AAuthError } from '../../lib/errors.js'
import { jwkThumbprint } from '../../lib/jwk.js'
import { endpointProblem } from '../../protocol/documents.js'
import { parseScope } from '../../protocol/parameters.js'
import { confirmationJwk } from '../../tokens/issue-token.js'
import { decodeToken } from '../../tokens/verify-token.js'
import type { AgentTools, HeldToken, TokenNeed } from '../agent-protocol.js'
import { readBody, requireResponse, retryAfterOf, sendWithRetries } from '../auth-server-requests.js'
import { describeUnknownKey } from '../describe-unknown-key.js'
import { type IssuerMetadata, januaryDocuments } from './documents.js'
import { signatureProblem } from './signature-key.js'
import { authToken } from './tokens.js'

/**
 * Returns an auth server's document after checking its endpoints.
 *
 * @throws AgentError `auth_server_unknown`, `auth_server_unreachable`, `endpoint_refused`
 */
export async function findAuthServer(
  { discovery, endpointOrigins }: Pick<AgentTools, 'discovery' | 'endpointOrigins'>,
  authServer: string,
): Promise<IssuerMetadata> {
  const outcome = await discovery.findMetadata(januaryDocuments.authServer, authServer)
  if ('failure' in outcome) {
    const { failure } = outcome
    requireResponse(authServer, failure)
    const message = `The metadata of ${authServer} cannot be used: ${failure.message}. Run countersign discover ${authServer}.`
    throw new AgentError('auth_server_unknown', message, { cause: failure })
  }
  // Both endpoints are checked before the first request: the user types a password at one of them, and tokens come from the other.
  for (const member of ['agent_token_endpoint', 'agent_auth_endpoint'] as const) {
    const problem = endpointProblem(authServer, member, outcome.found[member], endpointOrigins)
    if (problem !== undefined)
      throw new AgentError('endpoint_refused', `The document of ${authServer} was rejected: ${problem}.`)
  }
  return outcome.found
}

/** The agent as a client of token endpoints. */
export interface TokenClient extends Pick<AgentTools, 'id' | 'now'> {
  /** Sends a request that the agent has signed. */
  send: (request: Request) => Promise<Response>
  /** Thumbprint of the agent's key. */
  thumbprint: string
}

/**
 * Posts a form to the token endpoint, and returns the JSON object in a successful response.
 *
 * @throws AgentError `access_denied`, `auth_server_unreachable`, `key_unknown`, `token_request_failed`
 */
export async function postForm(
  client: TokenClient,
  metadata: IssuerMetadata,
  signal: AbortSignal,
  form: Record<string, string>,
): Promise<Record<string, unknown>> {
  const request = new Request(metadata.agent_token_endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
    signal,
    redirect: 'manual',
  })
  const response = await sendWithRetries(() => client.send(request.clone()), {
    // Sending a code twice revokes its tokens.
    mayHaveArrived: form.request_type !== 'code',
    signal,
  }).catch((error: unknown) => {
    requireResponse(metadata.issuer, error)
    throw error
  })
  const body = await readBody(response)
  // Not every fetch implementation observes the signal.
  signal.throwIfAborted()
  if (response.ok && body) return body
  const error = typeof body?.error === 'string' ? body.error : undefined
  if (error === 'access_denied') throw refusal(error, body?.error_description)
  if (signatureProblem(response) === 'key_unknown') {
    const message = describeUnknownKey(metadata.issuer, client.id, januaryDocuments.agent)
    throw new AgentError('key_unknown', message, { error })
  }
  throw new AgentError(
    'token_request_failed',
    `The auth server returned ${response.status} ${error ?? ''}${suffixOf(body?.error_description)}`.trim(),
    { error, retryAfter: retryAfterOf(response) },
  )
}

/** The `AgentError` for an OAuth error from the token endpoint or a callback. */
export function refusal(error: string, description: unknown): AgentError {
  const why = suffixOf(description) || '.'
  if (error === 'access_denied') return new AgentError('access_denied', `Access was denied${why}`, { error })
  return new AgentError('token_request_failed', `The auth server redirected the user back with an error${why}`, {
    error,
  })
}

/** The description in an error, as a suffix for our message. It may come from a browser, so it is not trusted. */
function suffixOf(description: unknown): string {
  return typeof description === 'string' && description !== ''
    ? `: ${description.slice(0, 200).replaceAll(/[^\x20-\x7e]/g, '?')}`
    : ''
}

/** Fraction of a token's lifetime after which it is refreshed in the background. */
const refreshShare = 0.8

/** The thumbprint. Undefined for a key of an unsupported type, which cannot be the agent's key. */
async function thumbprintOf(jwk: PublicJwk): Promise<string | undefined> {
  try {
    return await jwkThumbprint(jwk)
  } catch (error) {
    if (error instanceof AAuthError) return undefined
    throw error
  }
}

/**
 * Checks the auth token in a response: its issuer, audience, key and expiry. The resource verifies the signature.
 *
 * @throws AgentError `auth_token_refused`
 */
export async function requireAuthToken(
  { thumbprint, now }: TokenClient,
  { resource, authServer, call: askedCall }: Pick<TokenNeed, 'resource' | 'authServer' | 'call'>,
  answer: Record<string, unknown>,
): Promise<HeldToken> {
  const refuse = (why: string) => new AgentError('auth_token_refused', `The auth token was rejected: ${why}.`)
  const { auth_token: jwt, expires_in: expiresIn } = answer
  if (typeof jwt !== 'string') throw refuse('the response contains no token')
  const token = decodeToken(jwt)
  const { typ } = authToken
  if (token?.header.typ !== typ) throw refuse(`it is not a token of type ${typ}`)
  const { iss, aud, scope, exp, call } = token.payload
  if (iss !== authServer) throw refuse('its iss is not the auth server that was called')
  if (Array.isArray(aud) ? !aud.includes(resource) : aud !== resource)
    throw refuse('its aud is not the resource that was called')
  const jwk = confirmationJwk(token.payload)
  if (!jwk || !('kty' in jwk) || typeof jwk.kty !== 'string') throw refuse('it is not bound to a key')
  if ((await thumbprintOf({ ...jwk, kty: jwk.kty })) !== thumbprint) throw refuse('it is bound to another key')
  if (typeof exp !== 'number' || exp <= now()) throw refuse('its exp is not in the future')
  const expiresAt = typeof expiresIn === 'number' ? Math.min(exp, now() + expiresIn) : exp
  return {
    jwt,
    resource,
    scope: parseScope(typeof scope === 'string' ? scope : '') ?? [],
    expiresAt,
    refreshAt: now() + refreshShare * (expiresAt - now()),
    authServer,
    call: call ? askedCall : undefined,
    user: answer.agent_sub,
    refreshToken: typeof answer.refresh_token === 'string' ? answer.refresh_token : undefined,
  }
}
