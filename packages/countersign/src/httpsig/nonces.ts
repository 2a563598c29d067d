import { AAuthError } from '../lib/errors.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { networkOf } from '../lib/network-of.js'

/** The nonce of a request whose signature verified, not yet remembered. */
export interface VerifiedNonce {
  /** A hash of authority, key and nonce. */
  key: string
  /** Seconds to remember it for: until no clock accepts the signature any more. */
  lifetime: number
}

/** Whose nonce it is: what a store counts, so that nobody fills it for all. */
export interface NonceSource {
  /** The agent that signed, or whose delegate did. Undefined: the signature proves a key, and no agent. */
  agent: string | undefined
  /** RFC 7638 thumbprint of the key. Whoever signs has as many keys as they like. */
  thumbprint: string
  /** Where it came from: IPv4 /24, IPv6 /48, or `unknown` for all whose address is not known. */
  network: string
}

export interface NonceClaim extends VerifiedNonce {
  source: NonceSource
}

/**
 * Remembers a nonce. Resolves to true where it was not remembered yet, exactly once for a key, and to false where it was.
 * Where a source has too many, it throws an `AAuthError` `too_many_requests`; to a key that proves no agent the resource
 * adds which level may do more.
 */
export type ClaimNonce = (claim: NonceClaim) => MaybePromise<boolean>

/** Who signed, and where the request came from. */
export interface NonceOwner {
  agent?: string | undefined
  thumbprint: string
  /** The client's address, where the platform tells it. */
  remoteAddress: string | undefined
}

/** Whose a nonce is, as stores count it. */
export function nonceSource({ agent, thumbprint, remoteAddress }: NonceOwner): NonceSource {
  return { agent, thumbprint, network: remoteAddress === undefined ? 'unknown' : networkOf(remoteAddress, 'site') }
}

/**
 * Claims the nonce of a request, where it has one. To be called when nothing else can refuse the request, and before it
 * changes anything: a nonce that is claimed sooner is spent on a request that nobody answers.
 *
 * @throws AAuthError `nonce_replayed` for one that was claimed before, and what `claimNonce` throws
 */
export async function requireUnusedNonce(
  claimNonce: ClaimNonce,
  nonce: VerifiedNonce | undefined,
  owner: NonceOwner,
): Promise<void> {
  if (!nonce || (await claimNonce({ source: nonceSource(owner), ...nonce }))) return
  throw nonceReplayed()
}

/** What a request is refused with whose nonce was claimed before. */
export function nonceReplayed(options?: ErrorOptions): AAuthError {
  return new AAuthError('nonce_replayed', 'This nonce was used before: sign each request anew.', options)
}

/** How many nonces are remembered at once. */
export interface NonceLimits {
  /** Of one key that proves no agent. @default 256 */
  perKey?: number
  /** Of all such keys in one network (IPv4 /24, IPv6 /48). Those whose address is not known are one network. @default 4096 */
  perNetwork?: number
  /** Of one agent, with its delegates. @default 16384 */
  perAgent?: number
  /**
   * Of all agents, before the network that holds most is refused; no more than twice as many are ever held. Keys that prove
   * no agent hold half as many at most, beside these.
   * @default 100000 in a process, 1000000 in a database
   */
  total?: number
}

/** How many nonces are remembered before one more is: those of agents, or those of keys that prove none. */
export interface NonceCounts {
  isAgent: boolean
  /** Of the agent or key. */
  ofHolder: number
  ofNetwork: number
  /** Of the network that holds most. */
  most: number
  /** Of the {@link widerNetwork}. */
  ofWider: number
  /** Of the wider network that holds most. */
  mostOfWider: number
  all: number
}

/**
 * The limit that one more nonce would be beyond. `network`: too many are remembered, and too many of these are of this
 * network. `strangers`: the same of keys that prove no agent.
 */
export type ReachedLimit = keyof NonceLimits | 'network' | 'strangers'

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

/** IPv4 /16, IPv6 /32: the network around the network of a nonce's source. */
export function widerNetwork(network: string): string {
  const separator = network.includes(':') ? ':' : '.'
  const end = network.lastIndexOf(separator)
  return end === -1 ? network : network.slice(0, end)
}

/**
 * From how many on the store is full, and how many it ever holds: of agents, or of keys that prove none. What these hold is
 * no reason to refuse an agent: anybody has as many keys, and as many networks of IPv6, as they like.
 */
export function nonceRoom(isAgent: boolean, { total }: Pick<Required<NonceLimits>, 'total'>) {
  return isAgent ? { full: total, most: 2 * total } : { full: total / 4, most: total / 2 }
}

/** Judges one more nonce. */
export function reachedLimit(counts: NonceCounts, limits: Required<NonceLimits>): ReachedLimit | undefined {
  const { isAgent, ofHolder, ofNetwork, all } = counts
  if (isAgent && ofHolder >= limits.perAgent) return 'perAgent'
  if (!isAgent && ofHolder >= limits.perKey) return 'perKey'
  if (!isAgent && ofNetwork >= limits.perNetwork) return 'perNetwork'
  const room = nonceRoom(isAgent, limits)
  if (all < room.full) return undefined
  const left = room.most - all
  if (left > 0 && !hasTooMuch(counts, left, left > (room.most - room.full) / 2)) return undefined
  if (!isAgent) return 'strangers'
  return left > 0 ? 'network' : 'total'
}

/** Of the places that are left in a full store, one source has this part at most. */
const lastPart = 1 / 64

/**
 * Judges a network when the store is full. At first the one that holds most is refused: the wider network where no single
 * network in it holds the half of that, since whoever has many networks holds little in each. When half of the last places
 * are taken all the same, each wider network has a small part of what is left, and those who hold few still have places.
 */
function hasTooMuch(counts: NonceCounts, left: number, isFirstHalf: boolean): boolean {
  const { ofNetwork, most, ofWider, mostOfWider } = counts
  const share = left * lastPart
  if (!isFirstHalf) return ofWider >= share
  const isSpread = most < mostOfWider / 2
  return isSpread ? ofWider >= Math.max(mostOfWider, share) : ofNetwork >= Math.max(most, share)
}

/** Who holds a nonce: an agent, or a key that proves none. */
export function holderName({ agent, thumbprint }: Pick<NonceSource, 'agent' | 'thumbprint'>): string {
  return agent === undefined ? `key ${thumbprint}` : `agent ${agent}`
}

/** What one more nonce is refused with that would be beyond a limit. */
export function nonceRefusal(reached: ReachedLimit): AAuthError {
  const code = reached === 'total' ? 'unavailable' : 'too_many_requests'
  return new AAuthError(code, refusals[reached], { retryAfter: 60 })
}

const refusals: Readonly<Record<ReachedLimit, string>> = {
  perKey: 'Too many nonces of this key are remembered: wait, or sign as an agent.',
  perNetwork: 'Too many nonces of keys in this network are remembered: wait, or sign as an agent.',
  perAgent: 'Too many nonces of this agent are remembered: wait.',
  network: 'Too many nonces are remembered, most of this network: wait.',
  strangers: 'Too many nonces of keys that prove no agent are remembered: wait, or sign as an agent.',
  total: 'Too many nonces are remembered.',
}
