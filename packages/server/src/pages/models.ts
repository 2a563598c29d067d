/** What a page shows; made by the routes from verified facts and stored rows, rendered without any further look-up. */
export interface PageFrame {
  /** The server's own name, in the header and the titles. */
  serverName: string
  /** Where the style sheet is served. */
  stylesheet: string
}

/** The fields both forms carry besides their own. */
export interface FormFields {
  action: string
  requestToken: string
  redirectUri: string
  csrf: string
  /** The agent's `state`, in the sign-in form only: the stored request keeps it from then on. */
  state?: string
}

export interface SignInPage extends PageFrame {
  form: FormFields
  /** Host (and path, if it has one) of the agent that asks. */
  agentHost: string
  resourceHost: string
  /** What was typed before, kept between attempts. */
  username?: string
  problem?: 'wrong_password' | 'throttled'
}

export type Risk = 'read' | 'change' | 'delete_or_spend'

export interface Permission {
  /** The name on the wire, such as `calendar.read`. */
  name: string
  /** The resource's words, at most 200 characters; absent: it gives none. */
  description?: string
  risk: Risk
}

export interface ConsentPage extends PageFrame {
  form: FormFields
  /** What the decision must name. */
  revision: number
  user: string
  agentHost: string
  /** What the agent calls itself, already stripped and cut at 60 characters; absent: it says nothing. */
  agentName?: string
  /** Verified whole identifiers, for the details. */
  agent: string
  delegate?: string
  agentJkt: string
  resource: string
  resourceHost: string
  redirectUri: string
  /** `host/path` of where the person goes next. */
  redirectDisplay: string
  /** The redirect goes to another host than the agent's. */
  redirectElsewhere: boolean
  /** The answer goes to a program on the person's own device, which nothing ties to the agent. */
  loopback?: boolean
  /** Links of the agent, https on its own host only. */
  homepage?: string
  policyUri?: string
  tosUri?: string
  firstTime: boolean
  /** The agent's host has letters that look like others (an `xn--` label). */
  lookAlike: boolean
  able: Permission[]
  /** Offered by the resource, not asked for. */
  notAsked: Permission[]
  /** Seconds that what the agent already holds stays usable. */
  tokenLifetime: number
  /** Unix seconds. */
  expiresAt: number
}

export interface ProblemPage extends PageFrame {
  /** Also `data-error-code` on the page. */
  code:
    | 'request_unknown'
    | 'request_expired'
    | 'request_used'
    | 'request_allowed'
    | 'request_denied'
    | 'request_other_session'
    | 'redirect_mismatch'
    | 'csrf'
    | 'account_changed'
    | 'bad_form'
    | 'not_found'
    | 'method_not_allowed'
    | 'policy_forbids'
    | 'too_many_requests'
    | 'temporarily_unavailable'
    | 'server_error'
  /** Host of the agent, where it is known and may be shown. */
  agentHost?: string
  /** Shown as a reference for the operator. */
  requestId: string
  /** A same-origin link that tries again, where that helps. */
  retry?: string
}
