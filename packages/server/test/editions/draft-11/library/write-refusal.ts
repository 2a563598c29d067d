import type { AAuthError, ErrorCode } from 'countersign'
import type { Challenge, WrittenRefusal } from 'countersign/editions'
import { headers } from './headers.js'
import { joseNames } from './jose-names.js'
import { type Level, serializeRequirement } from './requirement.js'

const badSignature = 'invalid_signature'

/** The `error` in `Signature-Error`, which is always sent with 401. */
const signatureErrors: Readonly<Partial<Record<ErrorCode, string>>> = {
  signature_missing: badSignature,
  signature_malformed: badSignature,
  signature_label_mismatch: badSignature,
  signature_created_missing: badSignature,
  signature_created_outside_window: badSignature,
  signature_expired: badSignature,
  signature_mismatch: badSignature,
  digest_malformed: badSignature,
  digest_mismatch: badSignature,
  component_missing: 'invalid_input',
  component_forbidden: 'invalid_input',
  component_unsupported: 'invalid_input',
  signature_key_scheme_refused: 'unsupported_scheme',
  algorithm_unsupported: 'unsupported_algorithm',
  algorithm_mismatch: 'invalid_key',
  key_invalid: 'invalid_key',
  key_unknown: 'unknown_key',
  agent_token_invalid: 'invalid_jwt',
  agent_token_expired: 'expired_jwt',
  auth_token_invalid: 'invalid_jwt',
  auth_token_expired: 'expired_jwt',
}

/** The `error` in the body, if it is not `invalid_request` (or `server_error` for statuses from 500 up). */
const words: Readonly<Partial<Record<ErrorCode, string>>> = {
  resource_token_invalid: 'invalid_resource_token',
  resource_token_expired: 'expired_resource_token',
  scope_invalid: 'invalid_scope',
  consent_denied: 'denied',
  consent_expired: 'expired',
  consent_ended: 'invalid_code',
  policy_denied: 'denied',
  agent_blocked: 'denied',
  grant_ended: 'revoked',
  too_many_requests: 'rate_limited',
}

/** Statuses that differ from the library's table. A token with more scope is requested with 401, like every other token. */
const statuses: Readonly<Partial<Record<ErrorCode, number>>> = { scope_insufficient: 401, grant_ended: 403 }

/** Writes an error response as problem details (RFC 9457), with the requirement that a resource adds. */
export function writeRefusal(error: AAuthError, challenge?: Challenge): WrittenRefusal {
  const signatureError = signatureErrors[error.code]
  const status = statuses[error.code] ?? error.status
  const fields: Record<string, string> = { 'content-type': 'application/problem+json', 'cache-control': 'no-store' }
  if (signatureError !== undefined) Object.assign(fields, signatureFields(signatureError, error))
  if (error.retryAfter !== undefined) fields['retry-after'] = String(Math.ceil(error.retryAfter))
  if (challenge && status === 401) {
    const { level, resourceToken } = challenge
    fields[headers.requirement] = serializeRequirement({ requirement: level as Level, resourceToken })
  }
  const word = signatureError ?? words[error.code] ?? (status < 500 ? 'invalid_request' : 'server_error')
  const type = signatureError === undefined ? 'about:blank' : `urn:ietf:params:sig-error:${signatureError}`
  return { status, headers: fields, body: JSON.stringify({ type, status, error: word, detail: error.description }) }
}

function signatureFields(signatureError: string, { requiredInput }: AAuthError): Record<string, string> {
  const names = requiredInput?.map((name) => `"${name}"`).join(' ')
  const required = names === undefined ? '' : `, required_input=(${names})`
  return {
    [headers.problem]: `error=${signatureError}${required}`,
    ...(signatureError === 'unsupported_scheme' ? { 'accept-signature-scheme': 'jwt' } : {}),
    ...(signatureError === 'unsupported_algorithm'
      ? { 'accept-signature-alg': Object.values(joseNames.names).join(', ') }
      : {}),
  }
}
