/** Why the agent could not get access. */
export type AgentErrorCode =
  /**
   * Denied by the user or by a policy of the auth server, or the agent is blocked there. If the auth server reports which of these applies,
   * so does the message.
   */
  | 'access_denied'
  /** The resource named an auth server that `authServers` does not allow. */
  | 'auth_server_refused'
  /** The resource token does not match this agent, this resource or the named auth server (W21). */
  | 'resource_token_refused'
  /** The auth token does not match this agent's key, this resource or the auth server that was called (W21). */
  | 'auth_token_refused'
  /** The resource requires `user_interaction`, which this library does not support. */
  | 'challenge_unsupported'
  /** The auth server's document could not be fetched, or is not valid. */
  | 'auth_server_unknown'
  /** The auth server does not respond. */
  | 'auth_server_unreachable'
  /** The auth server's document names an endpoint on another origin that is not in `endpointOrigins`. */
  | 'endpoint_refused'
  /** The auth server found no key for this agent at the location to which its signature refers. A new key is found within a minute. */
  | 'key_unknown'
  /** The token request failed; `error` is the auth server's error code, if it sent one. */
  | 'token_request_failed'
  /**
   * The agent server issues no agent token to this installation; `error` is its error code, such as `revoked_delegate`. From
   * `createDelegate`.
   */
  | 'agent_token_refused'
  /** The agent server does not respond. From `createDelegate`. */
  | 'agent_server_unreachable'
  /** The platform on which the program runs does not issue an OIDC token to it. From `githubActionsToken` and `kubernetesToken`. */
  | 'platform_token_unavailable'
  /** The user did not decide in the time that the agent waits (`consentTimeout`). */
  | 'consent_expired'
  /** The pasted text is not the URL to which the user's browser returned, or nothing was pasted. */
  | 'answer_refused'
  /** The user who decided is not the one whose tokens the agent holds. Nothing was stored. */
  | 'other_user'
  /** A user must decide, and the agent cannot prompt them. `consent` contains the page on which they can decide. */
  | 'consent_required'
  /** The session ended, or its tokens were forgotten, while the request was in progress; for example, its user signed out. */
  | 'session_forgotten'

/** A permission that an agent requests. */
export interface RequestedPermission {
  scope: string
  /**
   * The description in the resource's document: one line of at most 200 characters. Do not trust it; escape it for HTML. Undefined if the
   * resource does not describe the scope, or if its document cannot be fetched.
   */
  description: string | undefined
}

/** A decision that a user has to make. */
export interface ConsentDetails {
  /** The page that the user must open, in the browser that started the flow. */
  url: string
  /** A code to show beside the link: a Countersign auth server's page shows the same four characters. The code does not prove anything. */
  code: string
  authServer: string
  resource: string
  /** Space-separated; undefined if the resource token carries no scope. */
  scope: string | undefined
  /** The same scopes, with the resource's descriptions. */
  permissions: readonly RequestedPermission[]
  /** What the user is asked for if there are no permissions, such as `to act for you at api.example`. */
  purpose?: string | undefined
  /**
   * When the prompt expires, in Unix seconds: the auth server's initial expiry, which the user can extend on the page, or the end of the
   * agent's `consentTimeout` if that is earlier.
   */
  expiresAt: number
}

/**
 * Why the user has to decide, as far as the agent can tell. `first_time`: they have not been prompted for this resource before, or the
 * agent was told to forget it. `step_up`: they allowed less than is needed now. `expired`: the access that they allowed has expired.
 * `revoked`: it was revoked before it expired. `ended`: it expired or was revoked, and the auth server does not report which. `refused`:
 * access was denied the last time.
 */
export type ConsentReason = 'first_time' | 'step_up' | 'expired' | 'revoked' | 'ended' | 'refused'

interface AgentErrorOptions {
  error?: string | undefined
  consent?: AgentError['consent']
  reason?: ConsentReason | undefined
  authServer?: string
  retryAfter?: number | undefined
  cause?: unknown
}

/**
 * A request that could not be authorized. `code` is this library's own and stable. `error` is the auth server's error code, if it sent one.
 */
export class AgentError extends Error {
  declare readonly code: AgentErrorCode
  declare readonly error: string | undefined
  /**
   * The decision that the user has to make, with `consent_required`. Only `url` is always known. The property is not enumerable, and the
   * message does not contain the URL, so that neither logs nor language models receive the link by accident.
   */
  declare readonly consent: (Pick<ConsentDetails, 'url'> & Partial<ConsentDetails>) | undefined
  /** Why the user has to decide, with `consent_required`. */
  declare readonly reason: ConsentReason | undefined
  /** The rejected auth server, with `auth_server_refused`. */
  declare readonly authServer: string | undefined
  /** Delay before a retry, in seconds, if the auth server is overloaded or is limiting the agent's rate. */
  declare readonly retryAfter: number | undefined

  constructor(
    code: AgentErrorCode,
    message: string,
    { cause, error, consent, reason, authServer, retryAfter }: AgentErrorOptions = {},
  ) {
    super(message, cause === undefined ? undefined : { cause })
    Object.assign(this, { name: 'AgentError', code, error, reason, authServer, retryAfter })
    Object.defineProperty(this, 'consent', { value: consent })
  }
}
