import { readParameters } from 'countersign/editions'
import { PageError } from '../../http/page-error.js'

/** The parameters that lead to a page if they are wrong, because no redirect is safe without them (OAuth 2.1 §4.1.2.1). */
export interface RequestedClient {
  clientId: string
  redirectUri: string
}

/** The parameters of an authorization request, not checked against any document. */
export interface AuthorizationRequest extends RequestedClient {
  state: string | undefined
  /** The S256 challenge: a SHA-256 hash as base64url. */
  codeChallenge: string
  resource: string | undefined
  /** As requested; empty if the client leaves the choice to the server. */
  scope: readonly string[]
  prompt: ReadonlySet<string>
}

/** Why a request cannot be used, which the client learns through the redirect. */
export interface AuthorizationProblem {
  error: 'invalid_request' | 'unsupported_response_type' | 'invalid_target'
  description: string
}

const maxScopeLength = 4096
const maxState = 2048

/**
 * Reads the parameters that identify the client. Unknown parameters are ignored, empty ones count as absent, and repeated ones are refused.
 *
 * @throws PageError `bad_form`
 * @throws AAuthError `request_malformed` for a repeated parameter
 */
export function readRequestedClient(url: URL): RequestedClient & { parameters: ReadonlyMap<string, string> } {
  const parameters = readParameters(url.searchParams)
  const [clientId, redirectUri] = [parameters.get('client_id'), parameters.get('redirect_uri')]
  if (clientId === undefined || redirectUri === undefined) throw new PageError('bad_form')
  return { clientId, redirectUri, parameters }
}

/** Reads the other parameters. Returns what is wrong with them, if anything. */
export function readAuthorizationRequest({
  clientId,
  redirectUri,
  parameters,
}: ReturnType<typeof readRequestedClient>): AuthorizationRequest | AuthorizationProblem {
  const get = (name: string) => parameters.get(name)
  const state = get('state')
  const scope = get('scope') ?? ''
  const codeChallenge = get('code_challenge') ?? ''
  if (get('response_type') !== 'code')
    return { error: 'unsupported_response_type', description: 'response_type must be code.' }
  if (['request', 'request_uri'].some((name) => parameters.has(name)) || (get('response_mode') ?? 'query') !== 'query')
    return invalid('request, request_uri and response_mode are not supported.')
  if (!/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/.test(codeChallenge) || get('code_challenge_method') !== 'S256')
    return invalid('code_challenge is required, with code_challenge_method=S256.')
  if (state !== undefined && state.length > maxState) return invalid(`state may have at most ${maxState} characters.`)
  if (scope.length > maxScopeLength) return invalid('scope is too long.')
  return {
    clientId,
    redirectUri,
    state,
    codeChallenge,
    resource: get('resource'),
    scope: [...new Set(scope.split(' ').filter((name) => name !== ''))],
    prompt: new Set((get('prompt') ?? '').split(' ')),
  }
}

function invalid(description: string): AuthorizationProblem {
  return { error: 'invalid_request', description }
}
