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

/** The name of a refusal, as the cause of the error that is thrown. */
class NamedRefusal {
  readonly name: OAuthErrorName
  /** Whether the caller used HTTP Basic, which the response must then mention (RFC 6749 §5.2). */
  readonly isBasic: boolean

  constructor(name: OAuthErrorName, isBasic: boolean) {
    this.name = name
    this.isBasic = isBasic
  }
}

/** Creates the error for a refused form. The description is ASCII, because clients put it into headers. */
export function oauthError(name: OAuthErrorName, description: string, { isBasic = false } = {}): AAuthError {
  return new AAuthError(name === 'invalid_client' ? 'identity_required' : 'request_malformed', description, {
    cause: new NamedRefusal(name, isBasic),
  })
}

/** The names of errors that other parts of the server throw. Everything else is a malformed request. */
const names: Readonly<Partial<Record<ErrorCode, OAuthErrorName>>> = {
  code_unknown: 'invalid_grant',
  code_expired: 'invalid_grant',
  code_used: 'invalid_grant',
  code_foreign: 'invalid_grant',
  code_injected: 'invalid_grant',
  refresh_token_refused: 'invalid_grant',
  grant_ended: 'invalid_grant',
  // Clients keep their refresh token: it works again once the rule is gone.
  policy_denied: 'access_denied',
  agent_blocked: 'invalid_grant',
  too_many_requests: 'temporarily_unavailable',
  unavailable: 'temporarily_unavailable',
  signer_refused: 'temporarily_unavailable',
  bug: 'temporarily_unavailable',
}

/** Statuses that differ from those of the signed editions: what has ended is a 400, so that clients ask the user again. */
const statuses: Readonly<Partial<Record<OAuthErrorName, number>>> = {
  invalid_grant: 400,
  access_denied: 400,
  invalid_client: 401,
}

/** The response to this server's own failures, after which clients try again instead of asking the user. */
const ownFailure = { status: 503, retryAfter: 5 }

/** Writes a refusal as OAuth's JSON (RFC 6749 §5.2). */
export function writeOAuthRefusal(error: AAuthError): WrittenRefusal {
  const named = error.cause instanceof NamedRefusal ? error.cause : undefined
  const name = named?.name ?? names[error.code] ?? 'invalid_request'
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'access-control-allow-origin': '*',
  }
  const isOwn = error.status >= 500
  const retryAfter = error.retryAfter ?? (isOwn ? ownFailure.retryAfter : undefined)
  if (retryAfter !== undefined) headers['retry-after'] = String(retryAfter)
  if (named?.isBasic) headers['www-authenticate'] = 'Basic'
  const body = JSON.stringify({ error: name, error_description: asciiOf(error.description) })
  return { status: statuses[name] ?? (isOwn ? ownFailure.status : error.status), headers, body }
}

/** Replaces what error descriptions may not contain (RFC 6749 §4.1.2.1, 5.2). */
export function asciiOf(text: string): string {
  return text.replaceAll('’', "'").replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?')
}
