/** How many nonces are remembered at once. */
export interface NonceLimits {
  /** Of one key that proves no agent. @default 256 */
  perKey?: number
  /** Of all such keys in one network (IPv4 /24, IPv6 /48). Those whose address is not known are one network. @default 4096 */
  perNetwork?: number
  /** Of one agent, with its delegates. @default 16384 */
  perAgent?: number
  /**
   * Of all together, before the network that holds most is refused. No more than twice as many are ever held.
   * @default 100000 in a process, 1000000 in a database
   */
  total?: number
}

/** How many nonces are remembered before one more is. */
export interface NonceCounts {
  isAgent: boolean
  /** Of the agent or key. */
  ofHolder: number
  /** Of the network. */
  ofNetwork: number
  /** Of the network's keys that prove no agent. */
  ofStrangers: number
  /** Of the network that has most of them. */
  most: number
  all: number
}

/** The limit that one more nonce would be beyond: `network` where too many are remembered, most of them of this network. */
export type ReachedLimit = keyof NonceLimits | 'network'

/** @throws TypeError for a limit that is no whole number above 0 */
export function requireNonceLimits(given: NonceLimits, defaultTotal: number): Required<NonceLimits> {
  const { perKey = 256, perNetwork = 4096, perAgent = 16_384, total = defaultTotal } = given
  const limits = { perKey, perNetwork, perAgent, total }
  for (const [name, value] of Object.entries(limits)) {
    if (!(Number.isSafeInteger(value) && value > 0))
      throw new TypeError(`${name}, a limit of nonces, must be a whole number above 0`)
  }
  return limits
}

/** Of the places that are left once half of them beyond `total` are taken, one network has this part at most. */
const lastPart = 1 / 64

/**
 * Judges one more nonce. From `total` on the network that holds most is refused. Where strangers in several networks fill
 * the store all the same, each takes a small part of what is left, and those who hold few still have places.
 */
export function reachedLimit(counts: NonceCounts, limits: Required<NonceLimits>): ReachedLimit | undefined {
  const { isAgent, ofHolder, ofNetwork, ofStrangers, most, all } = counts
  const { perKey, perNetwork, perAgent, total } = limits
  if (isAgent && ofHolder >= perAgent) return 'perAgent'
  if (!isAgent && ofHolder >= perKey) return 'perKey'
  if (!isAgent && ofStrangers >= perNetwork) return 'perNetwork'
  if (all < total) return undefined
  const left = 2 * total - all
  if (left <= 0) return 'total'
  const share = left > total / 2 ? most : Math.min(most, left * lastPart)
  return ofNetwork >= share ? 'network' : undefined
}
