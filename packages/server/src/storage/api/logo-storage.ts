/** Logos of agents, as they are served. */
export interface LogoStorage {
  /**
   * Whether the logo of a seen agent is to be fetched now: true for one caller, when its address is another than at the
   * last claim, or that was long enough ago. Another address takes away what came from the one before.
   */
  claimLogo(claim: LogoClaim): Promise<boolean>
  /** Keeps what an address gave; null: nothing that can be shown. False when the agent has another address by now. */
  keepLogo(logo: FetchedLogo): Promise<boolean>
  /** For an agent that has no logo any more. */
  removeLogo(agent: string): Promise<void>
  /** Ids by agent, of those that have a logo. */
  findLogos(agents: readonly string[]): Promise<ReadonlyMap<string, string>>
  readLogo(id: string): Promise<Uint8Array<ArrayBuffer> | undefined>
}

export interface LogoClaim {
  agent: string
  uri: string
  /** Seconds that a logo stays as it was fetched. */
  maxAge: number
  /** Seconds until an address that gave none is tried again. */
  retryAfter: number
}

export interface FetchedLogo {
  agent: string
  uri: string
  /** The id names agent and image: another image has another id. */
  logo: { id: string; image: Uint8Array } | null
}
