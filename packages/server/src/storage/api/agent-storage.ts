/** The agents that the server has seen: trust on first use. */
export interface AgentStorage {
  /** Records the current traits of an agent and returns the previously known ones. A change writes an audit event. */
  recordAgent(sighting: AgentSighting): Promise<SeenAgent>
  findAgent(agent: string): Promise<ListedAgent | undefined>
  /** Ordered by identifier. */
  listAgents(filter?: AgentFilter): Promise<ListedAgent[]>
  /**
   * Blocks or unblocks an agent, even one that has never been seen. An identifier without a path blocks every agent on that host. Blocking
   * abandons the agent's open requests; while the agent is blocked, its codes and refresh tokens are refused. Returns true if the state
   * changed.
   */
  setAgentBlocked(block: { agent: string; blocked: boolean; by: string }): Promise<boolean>
  /**
   * Notifies users of the blocks of agents that they allow, in a transaction that considers at most 500 users and notifies at most `most`:
   * writes an event for each user and, with `emails`, queues an email unless `most` of these are waiting. Returns whether the next
   * transaction has more to do now.
   */
  notifyOfBlocks(notification: { most: number; emails: boolean }): Promise<boolean>
  findStanding(agent: string): Promise<AgentStanding>
}

export interface AgentStanding {
  /** Whether the agent or its host is blocked. */
  isBlocked: boolean
  /** Whether its host is blocked. */
  isHostBlocked: boolean
  /** Whether any user has ever allowed this agent anything, even if the grant has since ended. */
  hasBeenAllowed: boolean
}

export interface AgentTraits {
  name: string | null
  redirectHosts: string[]
  /** The thumbprints of its keys; for an OAuth client, the fingerprint of its document, which changes with its keys. */
  keyThumbprints: string[]
}

export interface AgentSighting {
  agent: string
  name?: string | undefined
  redirectHosts: readonly string[]
  /** If undefined, the previously known thumbprints are kept. */
  keyThumbprints?: readonly string[] | undefined
}

export interface SeenAgent {
  firstSeenAt: number
  /** When the agent was previously seen; the current time if it is being seen for the first time. */
  lastSeenAt: number
  /** The traits at the previous sighting; undefined if none were recorded. */
  known: AgentTraits | undefined
}

export interface ListedAgent extends AgentTraits {
  agent: string
  firstSeenAt: number
  lastSeenAt: number
  blockedAt: number | null
  blockedBy: string | null
  /** When the agent's host was blocked. */
  hostBlockedAt: number | null
}

export interface AgentFilter {
  /** Only the agents with these identifiers. */
  agents?: readonly string[] | undefined
  /** Part of the identifier. */
  query?: string | undefined
  /** Whether the agent itself is blocked, regardless of its host. */
  blocked?: boolean | undefined
  /** @default 100 */
  limit?: number | undefined
  /** The identifier of the last agent on the previous page. */
  after?: string | undefined
}

/**
 * Options of a verb that runs on behalf of an agent that authenticated with a token from its issuer, which is its `agent`. The token is
 * recorded, so that its revocation ends what the agent obtains. Rejects with `StorageError` `token_revoked` if it is revoked already.
 */
export interface OfAgentToken {
  agentToken?: AgentToken | undefined
}

/** A token with which an agent authenticated. `expiresAt` is in Unix seconds. */
export interface AgentToken {
  jti: string
  expiresAt: number
}
