/** Why the agent could not get what it was asked for. */
export type AgentErrorCode =
  /** The person said no, a rule of the auth server does, or the agent is blocked there: the message says which, where the server does. */
  | 'access_denied'
  /** The resource named an auth server that `authServers` does not accept. */
  | 'auth_server_refused'
  /** The resource token is not for this agent, this resource or that auth server (W21). */
  | 'resource_token_refused'
  /** The auth token is not for this agent's key, this resource or from that auth server (W21). */
  | 'auth_token_refused'
  /** The resource asks for what no agent of this library does: `user_interaction`. */
  | 'challenge_unsupported'
  /** The auth server's document could not be found. */
  | 'auth_server_unknown'
  /** The auth server's document names an endpoint at another origin, which `endpointOrigins` does not name. */
  | 'endpoint_refused'
  /** The auth server found no key of this agent where its signature points; a new key is found within a minute. */
  | 'key_unknown'
  /** The auth server answered with an error; `error` is its word for it. */
  | 'token_request_failed'
  /** Nobody decided before the request token ran out. */
  | 'consent_expired'
  /** What a person pasted is not where their browser came back to. */
  | 'answer_refused'
  /** Somebody else decided than the person whose tokens the agent has: nothing was kept. */
  | 'other_person'
  /** A person must decide, and the agent was given no way to ask them: `url` is where they do. */
  | 'consent_required'
  /** The session was forgotten while the request ran: its person signed out. */
  | 'session_forgotten'

interface AgentErrorOptions {
  error?: string | undefined
  url?: string | undefined
  authServer?: string
  retryAfter?: number | undefined
  cause?: unknown
}

/** A request that could not be authorized. `code` is ours and stable, `error` is what the auth server said, where it said something. */
export class AgentError extends Error {
  declare readonly code: AgentErrorCode
  declare readonly error: string | undefined
  /** Where a person decides, with `consent_required`. */
  declare readonly url: string | undefined
  /** The auth server that was refused, with `auth_server_refused`. */
  declare readonly authServer: string | undefined
  /** Seconds after which to ask again, where the auth server had too much to do, or the agent asked it too often. */
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
