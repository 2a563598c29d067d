import type { Algorithm } from '../../lib/algorithms.js'
import type { AAuthError, ErrorCode } from '../../lib/errors.js'
import type { Challenge } from '../../protocol/challenge.js'
import type { WrittenRefusal } from '../edition.js'
import { acceptedAlgorithms, draft11Jose } from './algorithms.js'
import { requirementHeader, serializeRequirement, type TokenLevel } from './requirement.js'
import {
  isSignatureErrorName,
  type SignatureErrorName,
  serializeAccepted,
  serializeSignatureError,
  signatureErrorHeader,
} from './signature-error.js'

const signature = 'invalid_signature'
const input = 'invalid_input'

/** The problem with a signature in each case (draft -11 §11.3, signature-key -09 §5). */
const signatureErrors: Readonly<Partial<Record<ErrorCode, SignatureErrorName>>> = {
  signature_missing: signature,
  signature_malformed: signature,
  signature_label_mismatch: signature,
  signature_created_missing: signature,
  signature_created_outside_window: signature,
  signature_expired: signature,
  signature_mismatch: signature,
  digest_malformed: signature,
  digest_mismatch: signature,
  nonce_malformed: signature,
  nonce_missing: signature,
  nonce_replayed: signature,
  component_missing: input,
  component_forbidden: input,
  component_unsupported: input,
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

/** The `error` in each other case (draft -11 §11.9, 6.6.3, 7.6.3). All that are not listed are `invalid_request`, or `server_error`. */
const words: Readonly<Partial<Record<ErrorCode, string>>> = {
  resource_token_invalid: 'invalid_resource_token',
  resource_token_expired: 'expired_resource_token',
  scope_invalid: 'invalid_scope',
  consent_denied: 'denied',
  policy_denied: 'denied',
  agent_blocked: 'denied',
  consent_expired: 'expired',
  consent_ended: 'invalid_code',
  grant_ended: 'revoked',
  too_many_requests: 'rate_limited',
}

/** Statuses that differ from the library's. More scope is required like any other token. */
const statuses: Readonly<Partial<Record<ErrorCode, number>>> = { scope_insufficient: 401, grant_ended: 403 }

/**
 * The status, headers and body of a refusal, as problem details (RFC 9457), with the token that a resource requires.
 *
 * @param schemes the accepted schemes of `Signature-Key`
 */
export function writeRefusal(
  error: AAuthError,
  challenge?: Challenge,
  schemes: readonly string[] = ['jwt'],
): WrittenRefusal {
  const status = statuses[error.code] ?? error.status
  const named = error.error ?? signatureErrors[error.code]
  const problem = status === 401 && isSignatureErrorName(named) ? named : undefined
  const headers: Record<string, string> = { 'content-type': 'application/problem+json', 'cache-control': 'no-store' }
  if (problem) Object.assign(headers, problemHeaders(problem, error, schemes))
  if (error.retryAfter !== undefined) headers['retry-after'] = String(Math.ceil(error.retryAfter))
  const requirement = status === 401 ? requirementOf(challenge) : undefined
  if (requirement !== undefined) headers[requirementHeader] = requirement
  const required = requirement === undefined ? undefined : `${challenge?.level.replaceAll('-', '_')}_required`
  const word = named ?? words[error.code] ?? required ?? (status < 500 ? 'invalid_request' : 'server_error')
  const type = problem ? { type: `urn:ietf:params:sig-error:${problem}` } : {}
  return { status, headers, body: JSON.stringify({ ...type, status, error: word, detail: error.description }) }
}

function requirementOf(challenge: Challenge | undefined): string | undefined {
  if (!challenge) return undefined
  const { level, resourceToken } = challenge
  if (level !== 'auth-token') return serializeRequirement({ requirement: level as Exclude<TokenLevel, 'auth-token'> })
  // Without a resource token, no one could satisfy it.
  return resourceToken === undefined ? undefined : serializeRequirement({ requirement: level, resourceToken })
}

function problemHeaders(
  problem: SignatureErrorName,
  { requiredInput, algorithms }: AAuthError,
  schemes: readonly string[],
): Record<string, string> {
  const headers: Record<string, string> = { [signatureErrorHeader]: serializeSignatureError(problem, requiredInput) }
  if (problem === 'unsupported_scheme') headers['accept-signature-scheme'] = serializeAccepted(schemes)
  if (problem === 'unsupported_algorithm')
    headers['accept-signature-alg'] = serializeAccepted(acceptedNames(algorithms))
  return headers
}

function acceptedNames(algorithms: readonly string[] | undefined): readonly string[] {
  return algorithms?.flatMap((name) => draft11Jose.names[name as Algorithm] ?? []) ?? acceptedAlgorithms
}
