import { systemClock } from '../lib/clock.js'
import { AAuthError } from '../lib/errors.js'
import type { NonceClaim, NonceSource } from './claim-nonce.js'
import { type NonceLimits, type ReachedLimit, reachedLimit, requireNonceLimits } from './nonce-limits.js'

export interface MemoryNoncesOptions extends NonceLimits {
  /** Unix seconds. @default the system clock */
  now?: () => number
}

/**
 * A `claimNonce` that remembers in this process. With several instances, each would accept a nonce once: share a store.
 * A key, an agent or a network beyond its limit is refused (429), and nobody else.
 *
 * @throws TypeError for limits that cannot work
 */
export function createMemoryNonces({
  now = systemClock,
  ...given
}: MemoryNoncesOptions = {}): (claim: NonceClaim) => boolean {
  const limits = requireNonceLimits(given, 100_000)
  const live = new Map<string, LiveNonce>()
  /** Nonces by the second they end in: each is looked at once more, however full it is. */
  const ending = new Map<number, string[]>()
  const holders = new Map<string, Holder>()
  const networks = createNetworks()
  let forgottenAt = Number.NEGATIVE_INFINITY

  function forget(at: number): void {
    // A clock that was set back must not stop the forgetting.
    if (at === forgottenAt) return
    forgottenAt = at
    for (const [end, keys] of ending) {
      if (end > at) continue
      for (const key of keys) {
        const nonce = live.get(key)
        if (nonce?.end === end) release(key, nonce)
      }
      ending.delete(end)
    }
  }

  function release(key: string, { holder, network }: LiveNonce): void {
    live.delete(key)
    if (--holder.held === 0) holders.delete(holder.name)
    networks.remove(network, holder.isAgent)
  }

  function requirePlace({ isAgent, held }: Holder, network: Network): void {
    const counts = { isAgent, ofHolder: held, ofNetwork: network.held, ofStrangers: network.strangers }
    const reached = reachedLimit({ ...counts, most: networks.most(), all: live.size }, limits)
    // Forgetting a live nonce would let it be used again: refuse instead.
    if (reached) throw new AAuthError(...refusals[reached])
  }

  return function claimNonce({ key, source, lifetime }) {
    const at = now()
    forget(at)
    if (live.has(key)) return false
    const holder = holders.get(holderName(source)) ?? newHolder(source)
    const network = networks.find(source.network)
    requirePlace(holder, network)
    holders.set(holder.name, holder)
    holder.held++
    networks.add(network, holder.isAgent)
    const end = Math.ceil(at + lifetime)
    live.set(key, { end, holder, network })
    const others = ending.get(end)
    if (others) others.push(key)
    else ending.set(end, [key])
    return true
  }
}

interface LiveNonce {
  end: number
  holder: Holder
  network: Network
}

/** An agent, or a key that proves none. */
interface Holder {
  readonly name: string
  readonly isAgent: boolean
  held: number
}

interface Network {
  readonly name: string
  held: number
  /** Of those, by keys that prove no agent. */
  strangers: number
}

function holderName({ agent, thumbprint }: NonceSource): string {
  return agent === undefined ? `key ${thumbprint}` : `agent ${agent}`
}

function newHolder(source: NonceSource): Holder {
  return { name: holderName(source), isAgent: source.agent !== undefined, held: 0 }
}

/** The networks that hold nonces. What the one with most of them has is known without a look at all. */
function createNetworks() {
  const networks = new Map<string, Network>()
  /** How many networks hold so many. */
  const sizes: number[] = []
  let most = 0

  function resize(network: Network, by: 1 | -1): void {
    const before = network.held
    network.held += by
    if (before > 0) sizes[before] = (sizes[before] ?? 1) - 1
    if (network.held > 0) sizes[network.held] = (sizes[network.held] ?? 0) + 1
    most = Math.max(most, network.held)
    while (most > 0 && !sizes[most]) most--
  }

  return {
    most: () => most,
    find: (name: string): Network => networks.get(name) ?? { name, held: 0, strangers: 0 },
    add(network: Network, isAgent: boolean): void {
      networks.set(network.name, network)
      if (!isAgent) network.strangers++
      resize(network, 1)
    },
    remove(network: Network, isAgent: boolean): void {
      if (!isAgent) network.strangers--
      resize(network, -1)
      if (network.held === 0) networks.delete(network.name)
    },
  }
}

const retryAfter = 60
const orIdentify = { retryAfter, challenge: { level: 'identity' } } as const

const refusals: Readonly<Record<ReachedLimit, ConstructorParameters<typeof AAuthError>>> = {
  perKey: ['too_many_requests', 'Too many nonces of this key are remembered: wait, or sign as an agent.', orIdentify],
  perNetwork: [
    'too_many_requests',
    'Too many nonces of keys in this network are remembered: wait, or sign as an agent.',
    orIdentify,
  ],
  perAgent: ['too_many_requests', 'Too many nonces of this agent are remembered: wait.', { retryAfter }],
  network: ['too_many_requests', 'Too many nonces are remembered, most of this network: wait.', { retryAfter }],
  total: ['unavailable', 'The store of nonces is full.', { retryAfter }],
}
