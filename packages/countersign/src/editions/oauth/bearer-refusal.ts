import { asciiOnly } from '../../lib/ascii-only.js'
import type { AAuthError, ErrorCode } from '../../lib/errors.js'
import type { WrittenRefusal } from '../edition.js'

/** The `error` values of a Bearer challenge (RFC 6750 §3.1). */
type BearerError = 'invalid_request' | 'invalid_token' | 'insufficient_scope'

/** What a Bearer challenge contains besides the error. */
export interface BearerChallenge {
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
export function serializeBearerChallenge(
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
export function writeBearerRefusal(error: AAuthError, challenge: BearerChallenge): WrittenRefusal {
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
