interface ErrorCase {
  /** Status of the response (RFC 9110 §15). */
  status: number
  /** Public text for cases in which the message may reveal too much to an unauthenticated caller. */
  description?: string
}

const unauthorized = { status: 401 } as const
const malformed = { status: 400 } as const
const grant = { status: 400, description: 'Not valid for this request.' } as const
const later = { status: 503, description: 'Try again in a moment.' } as const
const failed = { status: 500 } as const
const internal = { status: 500, description: 'Something went wrong.' } as const

/** Every case that this library distinguishes. The edition defines how each appears on the wire. */
export const errorCases = {
  signature_missing: unauthorized,
  signature_malformed: unauthorized,
  signature_label_mismatch: unauthorized,
  signature_created_missing: unauthorized,
  signature_created_outside_window: unauthorized,
  signature_expired: unauthorized,
  signature_mismatch: unauthorized,
  component_missing: unauthorized,
  component_forbidden: unauthorized,
  component_unsupported: unauthorized,
  digest_malformed: unauthorized,
  digest_mismatch: unauthorized,
  nonce_malformed: unauthorized,
  nonce_missing: unauthorized,
  nonce_replayed: unauthorized,
  algorithm_unsupported: unauthorized,
  algorithm_mismatch: unauthorized,
  key_invalid: unauthorized,
  key_unknown: {
    status: 401,
    description:
      'No usable key was found at the location in the signature: check what is published there with countersign discover.',
  },
  signature_key_scheme_refused: unauthorized,
  identity_required: unauthorized,
  authorization_required: unauthorized,
  target_ambiguous: malformed,
  header_duplicate: malformed,
  host_malformed: malformed,
  request_malformed: malformed,
  challenge_unsupported: malformed,
  redirect_uri_not_listed: malformed,
  redirect_uri_ambiguous: malformed,
  request_type_unsupported: malformed,
  media_type_unsupported: { status: 415 },
  body_incomplete: malformed,
  body_too_large: { status: 413 },
  body_late: { status: 408 },
  headers_too_large: { status: 431 },
  method_not_allowed: { status: 405 },
  not_found: { status: 404 },
  agent_token_invalid: unauthorized,
  agent_token_expired: unauthorized,
  resource_token_invalid: malformed,
  resource_token_expired: malformed,
  auth_token_invalid: unauthorized,
  auth_token_expired: unauthorized,
  scope_insufficient: { status: 403 },
  scope_invalid: malformed,
  code_unknown: grant,
  code_expired: grant,
  code_used: grant,
  code_foreign: grant,
  code_injected: grant,
  refresh_token_refused: grant,
  grant_ended: grant,
  consent_denied: { status: 403 },
  consent_required: { status: 403 },
  consent_expired: { status: 408 },
  consent_ended: { status: 410 },
  policy_denied: { status: 403, description: "This server's policy does not allow this." },
  agent_blocked: { status: 403, description: 'This agent is blocked on this server.' },
  too_many_requests: { status: 429 },
  unavailable: later,
  upstream_failed: { status: 502 },
  upstream_late: { status: 504 },
  revocation_list_refused: later,
  body_read_before: failed,
  request_changed: failed,
  signer_refused: internal,
  bug: internal,
} as const satisfies Record<string, ErrorCase>

/** Our code for a case; stable across versions. */
export type ErrorCode = keyof typeof errorCases

/** What a resource requires when it refuses a request. */
export interface ChallengeContext {
  /** What the next request must prove, in the edition's terms. */
  level: string
  /** Space-separated scopes that the resource token requests. */
  scope?: string | undefined
  /** The requesting agent and key. Present only if the signature was verified, which is sufficient to issue a resource token. */
  binding?: ResourceTokenBinding | undefined
  /** The refused request, if a permission can be limited to it. */
  call?: { method: string; target: string; digest?: string } | undefined
  /** Whether only a signature helps, so that the response must not require an access token. @default false */
  isSignedOnly?: boolean | undefined
}

/** The agent and key to which a resource token is bound. */
export interface ResourceTokenBinding {
  /** Undefined if the edition's tokens do not name agents. */
  agent: string | undefined
  /** RFC 7638 thumbprint of the signing key. */
  thumbprint: string
  /** The claims of the presented token, if the resource token refers to that token. */
  presented?: object | undefined
}

export interface AAuthErrorOptions {
  cause?: unknown
  /** What the request must contain in order to be accepted. */
  challenge?: ChallengeContext | undefined
  /** Components that the signature must cover. */
  requiredInput?: readonly string[] | undefined
  /** Accepted algorithms. */
  algorithms?: readonly string[] | undefined
  /** Value of `Retry-After`, in seconds. */
  retryAfter?: number | undefined
  /** The policy rule that refused the request. For the operator only. */
  rule?: string | undefined
  /** The edition's own name for the case, if the edition distinguishes more cases than `code`. */
  error?: string | undefined
}

/**
 * A refused request or token. `code` is this library's own and stable, and `status` is the response's status. The message is for the
 * operator and contains no token, signature or key.
 */
export class AAuthError extends Error {
  declare readonly code: ErrorCode
  declare readonly status: number
  /** The text that the caller may see. */
  declare readonly description: string
  declare readonly requiredInput: readonly string[] | undefined
  declare readonly algorithms: readonly string[] | undefined
  declare readonly retryAfter: number | undefined
  declare readonly challenge: ChallengeContext | undefined
  declare readonly rule: string | undefined
  /** The edition's own name for the case, if the edition distinguishes more cases than `code`. */
  declare readonly error: string | undefined

  constructor(code: ErrorCode, message: string, options: AAuthErrorOptions = {}) {
    const { cause, challenge, requiredInput, algorithms, retryAfter, rule, error } = options
    super(message, cause === undefined ? undefined : { cause })
    const { status, description = message }: ErrorCase = errorCases[code]
    const name = 'AAuthError'
    Object.assign(this, {
      name,
      code,
      status,
      description,
      requiredInput,
      algorithms,
      retryAfter,
      challenge,
      rule,
      error,
    })
  }

  /** A copy of the error with a challenge added. */
  withChallenge(challenge: ChallengeContext): AAuthError {
    const { code, message, cause } = this
    return new AAuthError(code, message, Object.assign({}, this, { cause, challenge }))
  }
}
