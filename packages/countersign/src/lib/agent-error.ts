/** Why the agent could not get access. */
export type AgentErrorCode =
  /**
   * Denied by the user or by a policy of the auth server, or the agent is blocked there. The message says which, if the auth server does.
   */
  | 'access_denied'
  /** The resource named an auth server that `authServers` does not allow. */
  | 'auth_server_refused'
  /** The resource token does not match this agent, this resource or that auth server (W21). */
  | 'resource_token_refused'
  /** The auth token does not match this agent's key, this resource or that auth server (W21). */
  | 'auth_token_refused'
  /** The resource requires `user_interaction`, which this library does not support. */
  | 'challenge_unsupported'
  /** The auth server's document could not be found. */
  | 'auth_server_unknown'
  /** The auth server's document names an endpoint on another origin that is not in `endpointOrigins`. */
  | 'endpoint_refused'
  /** The auth server found no key of this agent at the location that its signature refers to. A new key is found within a minute. */
  | 'key_unknown'
  /** The auth server returned an error; `error` is its error code. */
  | 'token_request_failed'
  /** The user did not decide before the request token expired. */
  | 'consent_expired'
  /** The pasted text is not the URL that the user's browser returned to. */
  | 'answer_refused'
  /** Another user decided than the one whose tokens the agent holds. Nothing was stored. */
  | 'other_user'
  /** A user must decide, and the agent has no way to prompt them. `url` is the page where they can. */
  | 'consent_required'
  /** The session was forgotten while the request ran: its user signed out. */
  | 'session_forgotten'

interface AgentErrorOptions {
  error?: string | undefined
  url?: string | undefined
  authServer?: string
  retryAfter?: number | undefined
  cause?: unknown
}

/** A request that could not be authorized. `code` is ours and stable. `error` is the auth server's error code, if it sent one. */
export class AgentError extends Error {
  declare readonly code: AgentErrorCode
  declare readonly error: string | undefined
  /** The page where the user can decide, with `consent_required`. */
  declare readonly url: string | undefined
  /** The rejected auth server, with `auth_server_refused`. */
  declare readonly authServer: string | undefined
  /** Delay before a retry, in seconds, if the auth server is overloaded or limits the agent's rate. */
  declare readonly retryAfter: number | undefined

  constructor(
    code: AgentErrorCode,
    message: string,
    { cause, error, url, authServer, retryAfter }: AgentErrorOptions = {},
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'AgentError'
    this.code = code
    this.error = error
    this.url = url
    this.authServer = authServer
    this.retryAfter = retryAfter
  }
}
