import { AAuthError, type ErrorCode } from 'countersign'

/** The `error` of the endpoints for agents, besides those that the library writes (draft -11 §6.6.3, 7.6.3, 11.9). */
const problems = {
  user_unreachable: 'consent_required',
  denied: 'consent_denied',
  abandoned: 'consent_denied',
  revoked: 'consent_denied',
  expired: 'consent_expired',
  invalid_code: 'consent_ended',
  slow_down: 'too_many_requests',
  invalid_presented_token: 'request_malformed',
  expired_presented_token: 'request_malformed',
  revoked_presented_token: 'request_malformed',
  revoked_resource_token: 'request_malformed',
} as const satisfies Readonly<Record<string, ErrorCode>>

export type ProblemName = keyof typeof problems

/** Creates the error for a refusal that draft -11 has a name for. The detail is public. */
export function problem(name: ProblemName, detail: string, options: { cause?: unknown; retryAfter?: number } = {}) {
  return new AAuthError(problems[name], detail, { ...options, error: name })
}

/** Creates the error for a request with a member that cannot be used. */
export function malformed(detail: string): AAuthError {
  return new AAuthError('request_malformed', detail)
}
