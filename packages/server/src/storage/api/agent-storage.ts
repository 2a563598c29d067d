/** What the server has seen of agents: trust on first use. */
export interface AgentStorage {
  /** Records what an agent shows of itself now, and gives what had been known before; a change leaves an audit row. */
  recordAgent(sighting: AgentSighting): Promise<SeenAgent>
  findAgent(agent: string): Promise<ListedAgent | undefined>
  /** By identifier. */
  listAgents(filter?: AgentFilter): Promise<ListedAgent[]>
  /**
   * Blocks an agent, seen or not, or lets it in again. Blocking abandons its open requests; no code or refresh token
   * of it gives anything while it lasts. True when this changed something.
   */
  setAgentBlocked(block: { agent: string; blocked: boolean; by: string }): Promise<boolean>
  findStanding(agent: string): Promise<AgentStanding>
}

export interface AgentStanding {
  isBlocked: boolean
  /** Whether anybody ever allowed it something, whatever became of that. */
  hasBeenAllowed: boolean
}

export interface AgentTraits {
  name: string | null
  redirectHosts: string[]
  keyThumbprints: string[]
}

export interface AgentSighting {
  agent: string
  name?: string | undefined
  redirectHosts: readonly string[]
  /** Undefined: those that were known before. */
  keyThumbprints?: readonly string[] | undefined
}

export interface SeenAgent {
  firstSeenAt: number
  /** When it was seen before this; now, the first time. */
  lastSeenAt: number
  /** As of the sighting before; undefined: none was recorded. */
  known: AgentTraits | undefined
}

export interface ListedAgent extends AgentTraits {
  agent: string
  firstSeenAt: number
  lastSeenAt: number
  blockedAt: number | null
  blockedBy: string | null
}

export interface AgentFilter {
  /** Part of the identifier. */
  query?: string | undefined
  blocked?: boolean | undefined
  /** @default 100 */
  limit?: number | undefined
  /** The identifier of the last agent of the page before. */
  after?: string | undefined
}
