import type { FormFields, PageFrame } from './models.js'

/** What went wrong, or the outcome of the request, and what the user can do about it. */
export interface ProblemPage extends PageFrame {
  /** Also `data-error-code` on the page. */
  code:
    | 'request_unknown'
    | 'link_invalid'
    | 'request_expired'
    | 'request_used'
    | 'request_allowed'
    | 'request_denied'
    | 'request_other_session'
    | 'request_other_user'
    | 'request_agent_bound'
    | 'request_too_soon'
    | 'client_unknown'
    | 'redirect_mismatch'
    | 'request_invalid'
    | 'csrf'
    | 'account_changed'
    | 'sign_in_changed'
    | 'bad_form'
    | 'not_found'
    | 'method_not_allowed'
    | 'policy_forbids'
    | 'too_many_permissions'
    | 'too_many_requests'
    | 'temporarily_unavailable'
    | 'server_error'
  /** The agent's host, if it is known and may be shown. */
  agentHost?: string | undefined
  /** Shown as a reference for the operator, if the page is about a single request. */
  requestId?: string | undefined
  /** Where the agent learns the outcome, for `request_invalid` and `request_too_soon`. */
  back?: string | undefined
  /** A same-origin link for trying again, if that helps. */
  retry?: string | undefined
  /** The currently signed-in user, for `account_changed`. */
  user?: string | undefined
  /** Signs the user out and returns to the same place, for `account_changed` and `request_other_user`. */
  switchAccount?: FormFields | undefined
  /** Where the user can revoke what they allowed, for `request_allowed` and `too_many_permissions`. */
  remove?: string | undefined
  /** When the agent may prompt this user again, in Unix seconds, for `request_too_soon`. */
  until?: number | undefined
}
