import { asciiOnly } from '../../lib/ascii-only.js'
import type { AAuthError, ErrorCode } from '../../lib/errors.js'
import type { Challenge } from '../../protocol/challenge.js'
import type { WrittenRefusal } from '../edition.js'
import { serializeChallenge } from './challenge.js'
import { januaryHeaders } from './signature-key.js'

type SignatureError = 'invalid_signature' | 'invalid_input' | 'unsupported_algorithm' | 'invalid_key' | 'unknown_key'

export interface WireError {
  error: string
  /** The `error` of the `Signature-Error` header, if one is sent. */
  signatureError?: SignatureError
}

const signature = { error: 'invalid_signature', signatureError: 'invalid_signature' } as const
const input = { error: 'invalid_signature', signatureError: 'invalid_input' } as const
const request = { error: 'invalid_request' } as const
const grant = { error: 'invalid_grant' } as const
const unavailable = { error: 'temporarily_unavailable' } as const
const bug = { error: 'server_error' } as const

/** The wire code of each case (S§12, RFC 6749 §5.2). */
const wireErrors: Readonly<Record<ErrorCode, WireError>> = {
  signature_missing: signature,
  signature_malformed: signature,
  signature_label_mismatch: signature,
  signature_created_missing: signature,
  signature_created_outside_window: signature,
  signature_expired: signature,
  signature_mismatch: signature,
  component_missing: input,
  component_forbidden: input,
  component_unsupported: input,
  digest_malformed: signature,
  digest_mismatch: signature,
  nonce_malformed: signature,
  nonce_missing: input,
  nonce_replayed: signature,
  algorithm_unsupported: { error: 'invalid_signature', signatureError: 'unsupported_algorithm' },
  algorithm_mismatch: signature,
  key_invalid: { error: 'invalid_signature', signatureError: 'invalid_key' },
  key_unknown: { error: 'invalid_signature', signatureError: 'unknown_key' },
  signature_key_scheme_refused: request,
  identity_required: request,
  authorization_required: request,
  target_ambiguous: request,
  header_duplicate: request,
  host_malformed: request,
  request_malformed: request,
  challenge_unsupported: request,
  redirect_uri_not_listed: request,
  redirect_uri_ambiguous: request,
  request_type_unsupported: { error: 'unsupported_request_type' },
  media_type_unsupported: request,
  body_incomplete: request,
  body_too_large: request,
  body_late: request,
  headers_too_large: request,
  method_not_allowed: request,
  not_found: request,
  agent_token_invalid: { error: 'invalid_agent_token' },
  agent_token_expired: { error: 'expired_agent_token' },
  resource_token_invalid: { error: 'invalid_resource_token' },
  resource_token_expired: { error: 'expired_resource_token' },
  auth_token_invalid: { error: 'invalid_auth_token' },
  auth_token_expired: { error: 'expired_auth_token' },
  scope_insufficient: { error: 'insufficient_scope' },
  scope_invalid: { error: 'invalid_scope' },
  code_unknown: grant,
  code_expired: grant,
  code_used: grant,
  code_foreign: grant,
  code_injected: grant,
  refresh_token_refused: grant,
  grant_ended: grant,
  consent_denied: { error: 'access_denied' },
  consent_required: { error: 'access_denied' },
  consent_expired: grant,
  consent_ended: grant,
  policy_denied: { error: 'access_denied' },
  agent_blocked: { error: 'access_denied' },
  too_many_requests: { error: 'too_many_requests' },
  unavailable: unavailable,
  upstream_failed: unavailable,
  upstream_late: unavailable,
  revocation_list_refused: unavailable,
  body_read_before: bug,
  request_changed: bug,
  signer_refused: bug,
  bug: bug,
}

/** The wire code of a case. */
export function wireErrorOf(code: ErrorCode): WireError {
  return wireErrors[code]
}

/** The status, headers and body of a refusal (RFC 6749 §5.2), including the challenge that a resource adds. */
export function writeRefusal(error: AAuthError, challenge?: Challenge): WrittenRefusal {
  const { error: word, signatureError } = wireErrors[error.code]
  const headers: Record<string, string> = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  if (signatureError) headers[januaryHeaders.problem] = signatureErrorHeader(signatureError, error)
  if (error.retryAfter !== undefined) headers['retry-after'] = String(Math.ceil(error.retryAfter))
  if (challenge) headers[januaryHeaders.challenge] = serializeChallenge(challenge)
  const { status } = error
  // As in the capture: nothing went wrong, so no JSON error is needed.
  if (error.code === 'authorization_required')
    return { status, headers: { ...headers, 'content-type': 'text/plain' }, body: 'Authorization required' }
  return { status, headers, body: JSON.stringify({ error: word, error_description: asciiOnly(error.description) }) }
}

function signatureErrorHeader(signatureError: SignatureError, { requiredInput, algorithms }: AAuthError): string {
  const required = requiredInput ? `, required_input=${innerList(requiredInput)}` : ''
  const supported = algorithms ? `, supported_algorithms=${innerList(algorithms)}` : ''
  return `error=${signatureError}${required}${supported}`
}

function innerList(names: readonly string[]): string {
  return `(${names.map((name) => `"${name}"`).join(' ')})`
}
