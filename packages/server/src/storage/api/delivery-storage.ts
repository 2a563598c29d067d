/** Revocations of issued tokens that resources are notified of, because they do not read the revocation list. */
export interface DeliveryStorage {
  /** Lists revocations that are due to be sent, in the order in which they became due. Claims none of them. */
  findDueDeliveries(search: DueSearch): Promise<DueDelivery[]>
  /**
   * Claims revocations that are due to be sent, oldest first. For `lease` seconds, no other instance claims the same ones. One that is not
   * settled by then, for example because its process was killed, is due again. After the last attempt, it has failed.
   */
  claimDeliveries(claim: DeliveryClaim): Promise<Delivery[]>
  /** Records the outcome of a claimed attempt. Returns false if the attempt is no longer the latest one, or was settled before. */
  settleDelivery(settlement: DeliverySettlement): Promise<boolean>
  /** Lists the revocations that a user's resources are notified of, newest first. */
  listDeliveries(filter: DeliveryFilter): Promise<ListedDelivery[]>
}

/** How often a revocation is sent, and the seconds after each failed attempt until the next one. */
export const deliveryAttempts = { most: 3, delays: [120, 480] } as const

/** Maximum number of tokens per grant, or per agent or user, whose resource is notified. Later expiries come first. */
export const maxDeliveries = { perGrant: 100, together: 1000 } as const

export interface DueSearch {
  /** The name of the edition of the tokens. */
  edition: string
  /** Where to continue. @default at the first */
  after?: Pick<DueDelivery, 'id' | 'dueAt'> | undefined
  /** Maximum number of deliveries to list. */
  limit: number
}

export interface DueDelivery extends Pick<Delivery, 'id' | 'resource'> {
  userId: string
  dueAt: number
}

export interface DeliveryClaim {
  /** The name of the edition of the tokens. */
  edition: string
  /** The only deliveries to claim. @default any */
  ids?: readonly string[] | undefined
  /** Maximum number of deliveries to claim. */
  limit: number
  /** Seconds in which the attempt must be settled. */
  lease: number
}

export interface Delivery {
  id: string
  /** 1 for the first attempt. */
  attempt: number
  /** Who must be notified. */
  resource: string
  jti: string
  expiresAt: number
}

export interface DeliverySettlement extends Pick<Delivery, 'id' | 'attempt'> {
  /** `unsupported`: the resource accepts no revocations, so that no further attempt is made. */
  outcome: 'delivered' | 'unsupported' | 'failed'
}

export interface DeliveryFilter {
  userId: string
  /** @default 100 */
  limit?: number | undefined
}

export interface ListedDelivery {
  edition: string
  agent: string
  delegate: string | null
  resource: string
  account: string | null
  /** When the token was revoked. */
  revokedAt: number
  /** When the token would have expired, or has expired. */
  expiresAt: number
  attempts: number
  /** Null: another attempt is due. `expired`: the token expired first, so that nothing had to be sent. */
  outcome: DeliverySettlement['outcome'] | 'expired' | null
  /** When the outcome was recorded. */
  settledAt: number | null
}
