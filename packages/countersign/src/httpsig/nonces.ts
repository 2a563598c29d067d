import { AAuthError } from '../lib/errors.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { networkOf } from '../lib/network-of.js'

/** The unclaimed nonce of a request with a verified signature. */
export interface VerifiedNonce {
  /** A hash of authority, key and nonce. */
  key: string
  /** How long to store the nonce, in seconds: until no clock accepts the signature any more. */
  lifetime: number
}

/** The source of a nonce. Stores count nonces per source, so that no single source can fill the store. */
export interface NonceSource {
  /** The agent that signed, either itself or through a delegate. If undefined, the signature proves only a key. */
  agent: string | undefined
  /** RFC 7638 thumbprint of the key. A signer can create any number of keys. */
  thumbprint: string
  /** The network from which the request came: IPv4 /24, IPv6 /48, or `unknown` for all requests without a known address. */
  network: string
}

export interface NonceClaim extends VerifiedNonce {
  source: NonceSource
  /**
   * Present if a token for one call is claimed instead of a nonce: when it was issued, in Unix seconds. A store that a restart empties must
   * return false for tokens that were issued before it started, because it cannot know whether they were used.
   */
  issuedAt?: number | undefined
}

/**
 * Claims a nonce. Resolves to true the first time, exactly once per key, and to false afterwards. If a source has too many nonces, throws
 * an `AAuthError` with `too_many_requests`. For a key without an agent, the resource adds the level at which limits are higher.
 */
export type ClaimNonce = (claim: NonceClaim) => MaybePromise<boolean>

/** The signer, and the network from which the request came. */
export interface NonceOwner {
  agent?: string | undefined
  thumbprint: string
  /** The client's address, if the platform provides it. */
  remoteAddress: string | undefined
}

/** The source of a nonce, by which stores count nonces. */
export function nonceSource({ agent, thumbprint, remoteAddress }: NonceOwner): NonceSource {
  return { agent, thumbprint, network: remoteAddress === undefined ? 'unknown' : networkOf(remoteAddress, 'site') }
}

/**
 * Claims the nonce of a request, if the request has one. Call this when nothing else can refuse the request, and before the request changes
 * anything: claiming earlier wastes the nonce on a request that fails.
 *
 * @throws AAuthError `nonce_replayed` for a nonce that was claimed before, and the errors of `claimNonce`
 */
export async function requireUnusedNonce(
  claimNonce: ClaimNonce,
  nonce: VerifiedNonce | undefined,
  owner: NonceOwner,
): Promise<void> {
  if (!nonce || (await claimNonce({ source: nonceSource(owner), ...nonce }))) return
  throw nonceReplayed()
}

/** The refusal of a request whose nonce was claimed before. */
export function nonceReplayed(options?: ErrorOptions): AAuthError {
  return new AAuthError(
    'nonce_replayed',
    'This nonce has already been used: sign each request with a new one.',
    options,
  )
}

/** Limits on the number of stored nonces. */
export interface NonceLimits {
  /** Maximum number of nonces for each key without an agent. @default 256 */
  perKey?: number
  /**
   * Maximum number of nonces for all keys without an agent in each network (IPv4 /24, IPv6 /48). Requests without a known address count as
   * one network.
   * @default 4096
   */
  perNetwork?: number
  /** Maximum number of nonces for each agent, including its delegates. @default 16384 */
  perAgent?: number
  /**
   * Number of nonces of all agents above which the network with the most nonces is refused; the hard limit is twice this number. In
   * addition, keys without an agent can hold up to half of this number.
   * @default 100000 in a process, 1000000 in a database
   */
  total?: number
}

/** The number of stored nonces before another one is added, either for agents or for keys without an agent. */
export interface NonceCounts {
  isAgent: boolean
  /** Nonces of the agent or key. */
  ofHolder: number
  ofNetwork: number
  /** Nonces of the network that has the most nonces. */
  most: number
  /** Nonces of the {@link widerNetwork}. */
  ofWider: number
  /** Nonces of the wider network that has the most nonces. */
  mostOfWider: number
  all: number
}

/**
 * The limit that one more nonce would exceed. `network`: the store is full, and this network holds too large a share of it. `strangers`:
 * likewise, but for keys without an agent.
 */
export type ReachedLimit = keyof NonceLimits | 'network' | 'strangers'

/** @throws TypeError for a limit that is not a positive integer */
export function requireNonceLimits(given: NonceLimits, defaultTotal: number): Required<NonceLimits> {
  const { perKey = 256, perNetwork = 4096, perAgent = 16_384, total = defaultTotal } = given
  const limits = { perKey, perNetwork, perAgent, total }
  for (const [name, value] of Object.entries(limits)) {
    if (!(Number.isSafeInteger(value) && value > 0))
      throw new TypeError(`the nonce limit ${name} must be a positive integer`)
  }
  return limits
}

/** IPv4 /16, IPv6 /32: the wider network that contains a nonce's source network. */
export function widerNetwork(network: string): string {
  const separator = network.includes(':') ? ':' : '.'
  const end = network.lastIndexOf(separator)
  return end === -1 ? network : network.slice(0, end)
}

/**
 * The number of nonces at which the store is full, and the hard limit: for agents, or for keys without an agent. Keys without an agent are
 * never a reason to refuse an agent, because anyone can create any number of keys and use any number of IPv6 networks.
 */
export function nonceCapacity(isAgent: boolean, { total }: Pick<Required<NonceLimits>, 'total'>) {
  return isAgent ? { full: total, most: 2 * total } : { full: total / 4, most: total / 2 }
}

/** Determines whether one more nonce would exceed a limit. */
export function reachedLimit(counts: NonceCounts, limits: Required<NonceLimits>): ReachedLimit | undefined {
  const { isAgent, ofHolder, ofNetwork, all } = counts
  if (isAgent && ofHolder >= limits.perAgent) return 'perAgent'
  if (!isAgent && ofHolder >= limits.perKey) return 'perKey'
  if (!isAgent && ofNetwork >= limits.perNetwork) return 'perNetwork'
  const room = nonceCapacity(isAgent, limits)
  if (all < room.full) return undefined
  const left = room.most - all
  if (!exceedsShare(counts, left, left > (room.most - room.full) / 2)) return undefined
  if (!isAgent) return 'strangers'
  return left > 0 ? 'network' : 'total'
}

/** Maximum fraction of the remaining places that one source can hold in a full store. */
const lastPart = 1 / 64

/**
 * Determines whether a network holds too many nonces when the store is full. At first, only the network with the most nonces is refused. If
 * that network holds less than half as many as the wider network with the most nonces, that wider network is refused instead: an attacker
 * with many networks holds only a few nonces in each. Once half of the remaining places have nevertheless been taken, each wider network is
 * limited to a small fraction of what is left, so that networks with few nonces still have places. If nothing is left, none has a share.
 */
function exceedsShare(counts: NonceCounts, left: number, isFirstHalf: boolean): boolean {
  const { ofNetwork, most, ofWider, mostOfWider } = counts
  const share = left * lastPart
  if (!isFirstHalf) return ofWider >= share
  const isSpread = most < mostOfWider / 2
  return isSpread ? ofWider >= Math.max(mostOfWider, share) : ofNetwork >= Math.max(most, share)
}

/** The name of the party that holds a nonce: an agent, or a key without an agent. */
export function holderName({ agent, thumbprint }: Pick<NonceSource, 'agent' | 'thumbprint'>): string {
  return agent === undefined ? `key ${thumbprint}` : `agent ${agent}`
}

/** The refusal of a nonce that would exceed a limit. */
export function nonceRefusal(reached: ReachedLimit): AAuthError {
  const code = reached === 'total' ? 'unavailable' : 'too_many_requests'
  return new AAuthError(code, refusals[reached], { retryAfter: 60 })
}

const refusals: Readonly<Record<ReachedLimit, string>> = {
  perKey: 'Too many recent nonces from this key: wait, or sign as an agent.',
  perNetwork: 'Too many recent nonces from keys in this network: wait, or sign as an agent.',
  perAgent: 'Too many recent nonces from this agent: wait.',
  network: 'Too many recent nonces, too many of them from this network: wait.',
  strangers: 'Too many recent nonces from keys without an agent: wait, or sign as an agent.',
  total: 'Too many recent nonces.',
}
