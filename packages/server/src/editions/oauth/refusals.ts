import { AAuthError, type ErrorCode } from 'countersign'
import type { WrittenRefusal } from 'countersign/editions'

/** The `error` values of the token and revocation endpoints (RFC 6749 §5.2, RFC 8707 §2). */
export type OAuthErrorName =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_target'
  | 'temporarily_unavailable'
  | 'server_error'

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
  policy_denied: 'invalid_grant',
  agent_blocked: 'invalid_grant',
  too_many_requests: 'temporarily_unavailable',
  unavailable: 'temporarily_unavailable',
  signer_refused: 'server_error',
  bug: 'server_error',
}

/** Statuses that differ from those of the signed editions: what has ended is a 400, so that clients ask the user again. */
const statuses: Readonly<Partial<Record<OAuthErrorName, number>>> = {
  invalid_grant: 400,
  invalid_target: 400,
  invalid_client: 401,
}

/** Writes a refusal as OAuth's JSON (RFC 6749 §5.2). */
export function writeOAuthRefusal(error: AAuthError): WrittenRefusal {
  const named = error.cause instanceof NamedRefusal ? error.cause : undefined
  const name = named?.name ?? names[error.code] ?? 'invalid_request'
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'access-control-allow-origin': '*',
  }
  if (error.retryAfter !== undefined) headers['retry-after'] = String(error.retryAfter)
  if (named?.isBasic) headers['www-authenticate'] = 'Basic'
  const body = JSON.stringify({ error: name, error_description: asciiOf(error.description) })
  return { status: statuses[name] ?? error.status, headers, body }
}

/** Replaces what error descriptions may not contain (RFC 6749 §4.1.2.1, 5.2). */
export function asciiOf(text: string): string {
  return text.replaceAll('’', "'").replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?')
}
