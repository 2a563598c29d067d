import { fieldValues, isSignedMessage, type ReceivedMessage } from '../../httpsig/received-message.js'
import { asciiOnly } from '../../lib/ascii-only.js'
import { AAuthError, type ErrorCode } from '../../lib/errors.js'
import { hasTokenParameter } from '../../lib/token-parameter.js'
import type { BearerProtocol, BearerTools, ProtectedResource, ProtectedResourceOptions } from '../bearer-protocol.js'
import type { WrittenRefusal } from '../edition.js'
import { createAccessTokenVerifier } from './access-token.js'

/** The resource's part of OAuth 2.1, as MCP clients use it. */
export const oauthResource = {
  createProtectedResource,
  createProtocol(tools: BearerTools): BearerProtocol {
    const { metadataUrl, initialScopes } = tools.resource
    return {
      readToken: readBearerToken,
      requireNoTokenIn: requireNoTokenInForm,
      verifyToken: createAccessTokenVerifier(tools),
      challenge: serializeBearerChallenge({ metadataUrl, scope: initialScopes.join(' ') }),
      writeRefusal: (error, scope) => writeBearerRefusal(error, { metadataUrl, scope }),
    }
  },
} as const

/** Creates the protected resource, with its metadata. */
function createProtectedResource(options: ProtectedResourceOptions): ProtectedResource {
  const { id, authServer, name, initialScopes, descriptions } = options
  const { origin, pathname } = new URL(id)
  return {
    id,
    // Between host and path (RFC 9728 §3.1).
    metadataUrl: `${origin}/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}`,
    metadata: {
      resource: id,
      authorization_servers: [authServer],
      // Empty arrays are not allowed (RFC 9728 §3.2).
      ...(initialScopes.length === 0 ? {} : { scopes_supported: initialScopes }),
      bearer_methods_supported: ['header'],
      ...(name === undefined ? {} : { resource_name: name }),
      scope_descriptions: descriptions,
    },
    initialScopes,
    scopes: new Set(Object.keys(descriptions)),
  }
}

/** One `Authorization` with one access token (RFC 6750 §2.1). */
const credentials = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i

/** Implements `readToken` (RFC 6750 §2.1). */
function readBearerToken(message: Pick<ReceivedMessage, 'rawHeaders' | 'rawTarget'>): string | undefined {
  const values = fieldValues(message, 'authorization')
  // Anywhere in a value: some servers join values, or read only the last one.
  const isBearer = values.some((value) => /(?:^|[\s,])bearer(?:[\s,]|$)/i.test(value))
  if (hasTokenParameter(queryOf(message.rawTarget)))
    throw malformed('An access token must be in the Authorization header, not in the query.')
  if (!isBearer) return undefined
  if (isSignedMessage(message)) throw malformed('A request must be signed, or have an access token, but not both.')
  const [value = '', another] = values
  if (another !== undefined) throw malformed('The request has more than one Authorization header.')
  const token = credentials.exec(value)?.[1]
  if (token === undefined) throw malformed('The Authorization header must be: Bearer, a space, and one access token.')
  return token
}

/** Implements `requireNoTokenIn` for forms (RFC 6750 §2.2). */
function requireNoTokenInForm(message: Pick<ReceivedMessage, 'rawHeaders'>, body: Uint8Array): void {
  const types = fieldValues(message, 'content-type')
  // Some servers accept such a type among others.
  if (!types.some((type) => /url-?encoded/i.test(type))) return
  if (hasTokenParameter(new TextDecoder().decode(body)))
    throw malformed('An access token must be in the Authorization header, not in the body.')
}

function queryOf(rawTarget: string): string {
  const mark = rawTarget.indexOf('?')
  return mark === -1 ? '' : rawTarget.slice(mark + 1)
}

function malformed(message: string): AAuthError {
  return new AAuthError('request_malformed', message)
}

/** The `error` values of a Bearer challenge (RFC 6750 §3.1). */
type BearerError = 'invalid_request' | 'invalid_token' | 'insufficient_scope'

/** What a Bearer challenge contains besides the error. */
interface BearerChallenge {
  /** The URL of the resource's metadata (RFC 9728 §5.1). */
  metadataUrl: string
  /** Space-separated scopes that the client should request. */
  scope: string
}

/** The errors for which clients need a challenge. Everything else is refused without one, so that clients do not ask the user. */
const challenged: Readonly<Partial<Record<ErrorCode, BearerError>>> = {
  request_malformed: 'invalid_request',
  auth_token_invalid: 'invalid_token',
  auth_token_expired: 'invalid_token',
  scope_insufficient: 'insufficient_scope',
}

/** The `error` in the body of refusals without a challenge. */
const words: Readonly<Partial<Record<ErrorCode, string>>> = {
  policy_denied: 'access_denied',
  agent_blocked: 'access_denied',
  too_many_requests: 'too_many_requests',
}

/**
 * A `WWW-Authenticate` value. Clients search it for the names of the parameters, so no other parameter may contain `scope=`, `error=` or
 * `resource_metadata=`.
 */
function serializeBearerChallenge(
  { metadataUrl, scope }: BearerChallenge,
  failed?: { error: BearerError; description: string },
): string {
  const parameters = failed ? [`error="${failed.error}"`] : []
  parameters.push(`resource_metadata="${metadataUrl}"`)
  if (scope !== '') parameters.push(`scope="${scope}"`)
  if (failed) parameters.push(`error_description="${failed.description.replaceAll('=', ' ')}"`)
  return `Bearer ${parameters.join(', ')}`
}

/** The refusal of a request with an access token (RFC 6750 §3). */
function writeBearerRefusal(error: AAuthError, challenge: BearerChallenge): WrittenRefusal {
  const { code, status, retryAfter } = error
  const named = challenged[code]
  const description = asciiOnly(error.description)
  const headers: Record<string, string> = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  if (named) headers['www-authenticate'] = serializeBearerChallenge(challenge, { error: named, description })
  if (retryAfter !== undefined) headers['retry-after'] = String(Math.ceil(retryAfter))
  const otherwise = status < 500 ? 'invalid_request' : status === 500 ? 'server_error' : 'temporarily_unavailable'
  const body = JSON.stringify({ error: named ?? words[code] ?? otherwise, error_description: description })
  return { status, headers, body }
}
