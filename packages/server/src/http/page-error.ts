import type { ProblemPage } from '../pages/models/problem-model.js'

type Shown = Partial<Pick<ProblemPage, 'agentHost' | 'back' | 'retry' | 'user' | 'switchAccount' | 'remove' | 'until'>>

/** Ends a request to a browser endpoint with a problem page. */
export class PageError extends Error {
  readonly code: ProblemPage['code']
  /** What the page shows in addition to its own text. */
  readonly shown: Shown
  /** The agent that the problem concerns, for the log and the audit log. */
  readonly agent: string | undefined
  readonly retryAfter: number | undefined
  readonly status: number
  /** A page shown instead of the problem page. */
  readonly response: Response | undefined

  constructor(
    code: ProblemPage['code'],
    options: Shown & {
      agent?: string | undefined
      retryAfter?: number | undefined
      /** The page's HTTP status. @default the status of the code's page */
      status?: number
      /** A page shown instead of the problem page, with this status. */
      response?: Response
      cause?: unknown
    } = {},
  ) {
    const { agent, cause, status = problemStatus[code], retryAfter, response, ...shown } = options
    super(code, cause === undefined ? undefined : { cause })
    this.name = 'PageError'
    this.code = code
    this.shown = shown
    this.retryAfter = retryAfter
    this.status = status
    this.agent = agent
    this.response = response
  }
}

/** The HTTP status of each problem page. */
export const problemStatus: Readonly<Record<ProblemPage['code'], number>> = {
  request_unknown: 400,
  link_invalid: 410,
  request_expired: 410,
  request_used: 410,
  request_allowed: 410,
  request_denied: 410,
  request_other_session: 403,
  request_other_user: 403,
  request_agent_bound: 410,
  request_too_soon: 429,
  client_unknown: 400,
  redirect_mismatch: 400,
  request_invalid: 400,
  csrf: 403,
  account_changed: 409,
  sign_in_changed: 409,
  bad_form: 400,
  not_found: 404,
  method_not_allowed: 405,
  policy_forbids: 403,
  too_many_permissions: 409,
  too_many_requests: 429,
  temporarily_unavailable: 503,
  server_error: 500,
}
