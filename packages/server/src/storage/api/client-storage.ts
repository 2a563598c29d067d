/** OAuth clients that registered themselves. */
export interface ClientStorage {
  /**
   * Stores a client. If as many as `most` are stored already, not counting those that have expired, 1 % of `most` are deleted, but at least
   * one. If more than 90 % of `most` are in use, those beyond that are deleted first: of the user who has most of them, the one that this user
   * allowed least recently. Then come those that are not in use: of the network that has most of them, the oldest.
   *
   * A client is in use while it has a grant that has not ended, unless the user of that grant has allowed `mostPerUser` other clients since.
   */
  registerClient(client: NewRegisteredClient): Promise<void>
  /** Finds a client that has not expired. */
  findRegisteredClient(id: string): Promise<RegisteredClient | undefined>
  /** Postpones the expiry of a client that has not expired to at least `lifetime` seconds from now. */
  extendRegisteredClient(client: { id: string; lifetime: number }): Promise<void>
}

/** A client to store. */
export interface NewRegisteredClient {
  id: string
  metadata: Readonly<Record<string, unknown>>
  /** The network from which the client was registered. */
  network: string
  /** Seconds until the client expires. */
  lifetime: number
  most: number
  mostPerUser: number
}

/** A client as it was registered. */
export interface RegisteredClient {
  metadata: Readonly<Record<string, unknown>>
  createdAt: number
  expiresAt: number
}
