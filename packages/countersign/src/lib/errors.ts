interface ErrorCase {
  status: number
  /** The wire's `error`. */
  error: string
  /** The `error` of the `Signature-Error` header, where one is sent. */
  signatureError?: 'invalid_signature' | 'invalid_input' | 'unsupported_algorithm' | 'invalid_key' | 'unknown_key'
  /** Public text for cases whose message may tell a stranger too much. */
  description?: string
}

const signature = { status: 401, error: 'invalid_signature', signatureError: 'invalid_signature' } as const
const badKey = { status: 401, error: 'invalid_signature', signatureError: 'invalid_key' } as const
const form = { status: 400, error: 'invalid_request' } as const
const grant = { status: 400, error: 'invalid_grant', description: 'It is not valid for this request.' } as const

/** Every case this library tells apart, and what each looks like on the wire (RFC 6749 §5.2; docs/protocol.md, Errors). */
export const errorCases = {
  signature_missing: signature,
  signature_malformed: signature,
  signature_label_mismatch: signature,
  signature_created_missing: signature,
  signature_created_outside_window: signature,
  signature_expired: signature,
  signature_mismatch: signature,
  component_missing: { ...signature, signatureError: 'invalid_input' },
  component_forbidden: { ...signature, signatureError: 'invalid_input' },
  component_unsupported: { ...signature, signatureError: 'invalid_input' },
  digest_malformed: signature,
  digest_mismatch: signature,
  nonce_malformed: signature,
  nonce_missing: { ...signature, signatureError: 'invalid_input' },
  nonce_replayed: signature,
  algorithm_unsupported: { ...signature, signatureError: 'unsupported_algorithm' },
  algorithm_mismatch: signature,
  key_invalid: badKey,
  key_unknown: {
    status: 401,
    error: 'invalid_signature',
    signatureError: 'unknown_key',
    description:
      'No usable key was found where the signature points: see what is published there with countersign discover.',
  },
  signature_key_scheme_refused: { status: 401, error: 'invalid_request' },
  identity_required: { status: 401, error: 'invalid_request' },
  authorization_required: { status: 401, error: 'invalid_request' },
  target_ambiguous: form,
  header_duplicate: form,
  host_malformed: form,
  request_malformed: form,
  redirect_uri_not_listed: form,
  redirect_uri_ambiguous: form,
  request_type_unsupported: { status: 400, error: 'unsupported_request_type' },
  media_type_unsupported: { status: 415, error: 'invalid_request' },
  body_incomplete: form,
  body_too_large: { status: 413, error: 'invalid_request' },
  headers_too_large: { status: 431, error: 'invalid_request' },
  method_not_allowed: { status: 405, error: 'invalid_request' },
  not_found: { status: 404, error: 'invalid_request' },
  agent_token_invalid: { status: 401, error: 'invalid_agent_token' },
  agent_token_expired: { status: 401, error: 'expired_agent_token' },
  resource_token_invalid: { status: 400, error: 'invalid_resource_token' },
  resource_token_expired: { status: 400, error: 'expired_resource_token' },
  auth_token_invalid: { status: 401, error: 'invalid_auth_token' },
  auth_token_expired: { status: 401, error: 'expired_auth_token' },
  scope_insufficient: { status: 403, error: 'insufficient_scope' },
  scope_invalid: { status: 400, error: 'invalid_scope' },
  code_unknown: grant,
  code_expired: grant,
  code_used: grant,
  code_foreign: grant,
  code_injected: grant,
  refresh_token_refused: grant,
  grant_ended: grant,
  policy_denied: { status: 403, error: 'access_denied', description: 'A rule of this server does not allow that.' },
  agent_blocked: { status: 403, error: 'access_denied', description: 'This agent is blocked here.' },
  too_many_requests: { status: 429, error: 'too_many_requests' },
  unavailable: { status: 503, error: 'temporarily_unavailable', description: 'Try again in a moment.' },
  revocation_list_refused: {
    status: 503,
    error: 'temporarily_unavailable',
    description: 'Try again in a moment.',
  },
  body_read_before: { status: 500, error: 'server_error' },
  request_changed: { status: 500, error: 'server_error' },
  bug: { status: 500, error: 'server_error', description: 'Something went wrong.' },
} as const satisfies Record<string, ErrorCase>

/** Our name of a case; stable across versions. */
export type ErrorCode = keyof typeof errorCases

/** What a resource asks for when it refuses a request. */
export interface ChallengeContext {
  level: 'signature' | 'identity' | 'authorization'
  /** Space-separated; what the resource token asks for. */
  scope?: string | undefined
  /** Who asked, and with which key. Only there when signature and identity verified. */
  binding?: { agent: string; thumbprint: string } | undefined
}

export interface AAuthErrorOptions {
  cause?: unknown
  /** What would let the request through. */
  challenge?: ChallengeContext | undefined
  /** Components a signature must cover, for `Signature-Error: required_input`. */
  requiredInput?: readonly string[] | undefined
  /** Algorithms accepted, for `Agent-Auth: algs`. */
  algorithms?: readonly string[] | undefined
  /** Seconds, for `Retry-After`. */
  retryAfter?: number | undefined
  /** The rule of a policy that refused, for the operator's eyes. */
  rule?: string | undefined
}

/**
 * A request or token that was refused. `code` is ours and stable, `error` and `status` are the wire's; the message is
 * for the operator's eyes and holds no token, signature or key.
 */
export class AAuthError extends Error {
  readonly code: ErrorCode
  readonly error: string
  readonly status: number
  readonly signatureError: ErrorCase['signatureError']
  /** What a stranger may read about it. */
  readonly description: string
  readonly requiredInput: readonly string[] | undefined
  readonly algorithms: readonly string[] | undefined
  readonly retryAfter: number | undefined
  readonly challenge: ChallengeContext | undefined
  readonly rule: string | undefined

  constructor(code: ErrorCode, message: string, options: AAuthErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AAuthError'
    const { status, error, signatureError, description }: ErrorCase = errorCases[code]
    this.code = code
    this.status = status
    this.error = error
    this.signatureError = signatureError
    this.description = description ?? message
    this.requiredInput = options.requiredInput
    this.algorithms = options.algorithms
    this.retryAfter = options.retryAfter
    this.challenge = options.challenge
    this.rule = options.rule
  }

  /** The same refusal, with what would let the request through. */
  withChallenge(challenge: ChallengeContext): AAuthError {
    const { message, cause, requiredInput, algorithms, retryAfter, rule } = this
    return new AAuthError(this.code, message, { cause, challenge, requiredInput, algorithms, retryAfter, rule })
  }
}
