interface ErrorCase {
  /** Of the answer (RFC 9110 §15). */
  status: number
  /** Public text for cases whose message may tell a stranger too much. */
  description?: string
}

const unauthorized = { status: 401 } as const
const malformed = { status: 400 } as const
const grant = { status: 400, description: 'It is not valid for this request.' } as const
const later = { status: 503, description: 'Try again in a moment.' } as const
const failed = { status: 500 } as const

/** Every case this library tells apart; what else of each is on the wire, the edition says. */
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
      'No usable key was found where the signature points: see what is published there with countersign discover.',
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
  consent_expired: { status: 408 },
  consent_ended: { status: 410 },
  policy_denied: { status: 403, description: 'A rule of this server does not allow that.' },
  agent_blocked: { status: 403, description: 'This agent is blocked here.' },
  too_many_requests: { status: 429 },
  unavailable: later,
  upstream_failed: { status: 502 },
  upstream_late: { status: 504 },
  revocation_list_refused: later,
  body_read_before: failed,
  request_changed: failed,
  signer_refused: { status: 500, description: 'Something went wrong.' },
  bug: { status: 500, description: 'Something went wrong.' },
} as const satisfies Record<string, ErrorCase>

/** Our name of a case; stable across versions. */
export type ErrorCode = keyof typeof errorCases

/** What a resource asks for when it refuses a request. */
export interface ChallengeContext {
  /** What the next request must prove, in the edition's word for it. */
  level: string
  /** Space-separated; what the resource token asks for. */
  scope?: string | undefined
  /** Who asked. Only there when the signature verified, and that is enough to issue a resource token for. */
  binding?: ResourceTokenBinding | undefined
}

/** Whom a resource token is for. */
export interface ResourceTokenBinding {
  /** Undefined where the edition's tokens name no agent. */
  agent: string | undefined
  /** RFC 7638 thumbprint of the key that signed. */
  thumbprint: string
  /** The claims of the token that was shown, where the resource token names it. */
  presented?: object | undefined
}

export interface AAuthErrorOptions {
  cause?: unknown
  /** What would let the request through. */
  challenge?: ChallengeContext | undefined
  /** Components a signature must cover. */
  requiredInput?: readonly string[] | undefined
  /** Algorithms that are accepted. */
  algorithms?: readonly string[] | undefined
  /** Seconds, for `Retry-After`. */
  retryAfter?: number | undefined
  /** The rule of a policy that refused, for the operator's eyes. */
  rule?: string | undefined
}

/**
 * A request or token that was refused. `code` is ours and stable, `status` is the answer's; the message is
 * for the operator's eyes and holds no token, signature or key.
 */
export class AAuthError extends Error {
  readonly code: ErrorCode
  readonly status: number
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
    const { status, description }: ErrorCase = errorCases[code]
    this.code = code
    this.status = status
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
