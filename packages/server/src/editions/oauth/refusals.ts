import { AAuthError, type ErrorCode } from 'countersign'
import type { WrittenRefusal } from 'countersign/editions'

/** The `error` values of the endpoints for clients (RFC 6749 §5.2, RFC 8707 §2, RFC 7591 §3.2.2). */
export type OAuthErrorName =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'invalid_redirect_uri'
  | 'invalid_client_metadata'
  | 'access_denied'
  | 'temporarily_unavailable'

/** Creates the error for a refused form. The description is ASCII, because clients put it into headers. */
export function oauthError(name: OAuthErrorName, description: string): AAuthError {
  const code = name === 'invalid_client' ? 'identity_required' : 'request_malformed'
  return new AAuthError(code, description, { error: name })
}

/** The refusal of HTTP Basic, which the response must then mention (RFC 6749 §5.2). */
export class BasicRefusal extends AAuthError {
  constructor(description: string) {
    super('identity_required', description, { error: 'invalid_client' })
  }
}

/** The `error` for codes that the rest of the server throws. Without an entry, the status decides. */
const errorNames: Readonly<Partial<Record<ErrorCode, OAuthErrorName>>> = {
  code_unknown: 'invalid_grant',
  code_expired: 'invalid_grant',
  code_used: 'invalid_grant',
  code_foreign: 'invalid_grant',
  code_injected: 'invalid_grant',
  refresh_token_refused: 'invalid_grant',
  grant_ended: 'invalid_grant',
  agent_blocked: 'invalid_grant',
  // After invalid_grant, clients would discard their refresh token, although it works again once the rule is removed.
  policy_denied: 'access_denied',
  too_many_requests: 'temporarily_unavailable',
}

/** Statuses that differ from those of the signed editions. After 400, clients prompt the user again. */
const statuses: ReadonlyMap<string, number> = new Map<OAuthErrorName, number>([
  ['invalid_grant', 400],
  ['access_denied', 400],
  ['invalid_client', 401],
])

/** The response to this server's own failures, after which clients try again instead of prompting the user. */
const serverFailure = { name: 'temporarily_unavailable', status: 503, retryAfter: 5 } as const

/** Writes a refusal as OAuth's JSON (RFC 6749 §5.2). */
export function writeOAuthRefusal(error: AAuthError): WrittenRefusal {
  const failure = error.status >= 500 ? serverFailure : undefined
  const name = error.error ?? errorNames[error.code] ?? failure?.name ?? 'invalid_request'
  const status = statuses.get(name) ?? failure?.status ?? error.status
  const retryAfter = error.retryAfter ?? failure?.retryAfter
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'cache-control': 'no-store',
  }
  if (retryAfter !== undefined) headers['retry-after'] = String(retryAfter)
  if (error instanceof BasicRefusal) headers['www-authenticate'] = 'Basic'
  return { status, headers, body: JSON.stringify({ error: name, error_description: asciiOf(error.description) }) }
}

/** Replaces what error descriptions may not contain (RFC 6749 §4.1.2.1, 5.2). */
export function asciiOf(text: string): string {
  return text.replaceAll('’', "'").replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?')
}
