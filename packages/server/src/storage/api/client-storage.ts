/** OAuth clients that registered themselves. */
export interface ClientStorage {
  /**
   * Stores a client. If as many as `most` are stored already, not counting those that have ended, the oldest one that was never extended is
   * deleted. Returns false, and stores nothing, if all of them were.
   */
  registerClient(client: NewRegisteredClient): Promise<boolean>
  /** Finds a client that has not ended. */
  findRegisteredClient(id: string): Promise<RegisteredClient | undefined>
  /** Postpones the end of a client that has not ended to at least `lifetime` seconds from now. */
  extendRegisteredClient(client: { id: string; lifetime: number }): Promise<void>
}

/** A client to store. */
export interface NewRegisteredClient {
  id: string
  metadata: Readonly<Record<string, unknown>>
  /** Seconds until the client ends. */
  lifetime: number
  most: number
}

/** A client as it was registered. */
export interface RegisteredClient {
  metadata: Readonly<Record<string, unknown>>
  createdAt: number
  endsAt: number
}
