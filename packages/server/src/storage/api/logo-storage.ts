/** Agents' logos, in the form in which they are served. */
export interface LogoStorage {
  /**
   * Claims the fetch of a known agent's logo. Returns true for exactly one caller if the logo URL has changed since the last claim, or if
   * the last claim is old enough. A new URL discards the logo fetched from the previous one.
   */
  claimLogo(claim: LogoClaim): Promise<boolean>
  /**
   * Stores the logo fetched from a URL; null if nothing that can be shown was found there. Returns false if the agent's logo URL has
   * changed in the meantime.
   */
  keepLogo(logo: FetchedLogo): Promise<boolean>
  /** Removes the logo of an agent that no longer has one. */
  removeLogo(agent: string): Promise<void>
  /** Returns the logo ids of the agents that have a logo, keyed by agent. */
  findLogos(agents: readonly string[]): Promise<ReadonlyMap<string, string>>
  readLogo(id: string): Promise<Uint8Array<ArrayBuffer> | undefined>
}

export interface LogoClaim {
  agent: string
  uri: string
  /** Number of seconds before a logo is fetched again. */
  maxAge: number
  /** Number of seconds before a URL that returned no logo is retried. */
  retryAfter: number
}

export interface FetchedLogo {
  agent: string
  uri: string
  /** The id is derived from the agent and the image: a different image has a different id. */
  logo: { id: string; image: Uint8Array } | null
}
