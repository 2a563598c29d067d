import { AAuthError } from 'countersign'
import { readParameters } from 'countersign/editions'
import { PageError } from '../../http/page-error.js'

/** The parameters that lead to a page if they are wrong, because no redirect is safe without them (OAuth 2.1 §4.1.2.1). */
export interface RequestedClient {
  clientId: string
  redirectUri: string
}

/** The parameters of an authorization request, as they were sent. */
export interface SentParameters extends RequestedClient {
  /** Those that occur once and are not empty, except `state`. */
  parameters: ReadonlyMap<string, string>
  /** A parameter that occurs more than once. */
  repeated: string | undefined
  /** Exactly as it was encoded: clients expect the same bytes back, whatever they are. */
  state: string | undefined
}

/** The parameters of an authorization request, not checked against any document. */
export interface AuthorizationRequest extends RequestedClient {
  /** As it was encoded. */
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
  error: 'invalid_request' | 'unsupported_response_type' | 'invalid_target' | 'invalid_scope'
  description: string
}

const maxParameters = 50
const maxScopeLength = 4096
/** In bytes. */
const maxState = 2048

/**
 * Reads the parameters that identify the client. Unknown parameters are ignored, and empty ones count as absent.
 *
 * @throws PageError `bad_form`
 */
export function readSentParameters(url: Pick<URL, 'search' | 'searchParams'>): SentParameters {
  const pairs = url.search.slice(1).split('&')
  if (pairs.length > maxParameters)
    throw new PageError('bad_form', {
      cause: new AAuthError('request_malformed', `The request has more than ${maxParameters} parameters.`),
    })
  const sent = [...url.searchParams]
  const times = new Map<string, number>()
  for (const [name] of sent) times.set(name, (times.get(name) ?? 0) + 1)
  const isRepeated = ([name]: readonly [string, string]) => times.get(name) !== 1
  const parameters = readParameters(new URLSearchParams(sent.filter((pair) => !isRepeated(pair))))
  const [clientId, redirectUri] = [parameters.get('client_id'), parameters.get('redirect_uri')]
  if (clientId === undefined || redirectUri === undefined) throw new PageError('bad_form')
  const state = parameters.has('state') ? encodedParameter(pairs, 'state') : undefined
  return { clientId, redirectUri, parameters, repeated: sent.find(isRepeated)?.[0], state }
}

/** A parameter's value as it is encoded in a query. */
function encodedParameter(pairs: readonly string[], name: string): string | undefined {
  // Without the &, a question mark at the start would not count as a part of the name.
  const pair = pairs.find((each) => new URLSearchParams(`&${each}`).has(name))
  return pair?.slice(pair.indexOf('=') + 1)
}

/** The number of bytes that a percent-encoded text stands for. */
function lengthOf(encoded: string): number {
  return encoded.replaceAll(/%[0-9a-f]{2}/gi, '.').length
}

/** Reads the other parameters. Returns what is wrong with them, if anything. */
export function readAuthorizationRequest({
  clientId,
  redirectUri,
  parameters,
  repeated,
  state,
}: SentParameters): AuthorizationRequest | AuthorizationProblem {
  const get = (name: string) => parameters.get(name)
  const scope = get('scope') ?? ''
  const codeChallenge = get('code_challenge') ?? ''
  if (repeated === 'resource') return { error: 'invalid_target', description: 'Request one resource at a time.' }
  if (repeated !== undefined) return invalid('A parameter occurs twice.')
  if (get('response_type') !== 'code')
    return { error: 'unsupported_response_type', description: 'response_type must be code.' }
  if (['request', 'request_uri'].some((name) => parameters.has(name)) || (get('response_mode') ?? 'query') !== 'query')
    return invalid('request, request_uri and response_mode are not supported.')
  if (!/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/.test(codeChallenge) || get('code_challenge_method') !== 'S256')
    return invalid('code_challenge is required, with code_challenge_method=S256.')
  if (state !== undefined && lengthOf(state) > maxState) return invalid(`state may have at most ${maxState} bytes.`)
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
