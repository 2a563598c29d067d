import { systemClock } from '../lib/clock.js'
import {
  holderName,
  type NonceClaim,
  type NonceLimits,
  type NonceSource,
  nonceRefusal,
  reachedLimit,
  requireNonceLimits,
  widerNetwork,
} from './nonces.js'

export interface MemoryNoncesOptions extends NonceLimits {
  /** Unix seconds. @default the system clock */
  now?: () => number
}

/**
 * A `claimNonce` that remembers in this process. With several instances, each would accept a nonce once: share a store.
 * A key, an agent or a network beyond its limit is refused (429), and nobody else; keys that prove no agent keep no agent out.
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
  const ofAgents = createPlaces()
  const ofStrangers = createPlaces()
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
    placesOf(holder).remove(network)
  }

  function placesOf({ isAgent }: Holder): Places {
    return isAgent ? ofAgents : ofStrangers
  }

  function requirePlace(holder: Holder, network: string): void {
    const counts = { isAgent: holder.isAgent, ofHolder: holder.held, ...placesOf(holder).counts(network) }
    const reached = reachedLimit(counts, limits)
    // Forgetting a live nonce would let it be used again: refuse instead.
    if (reached) throw nonceRefusal(reached)
  }

  return function claimNonce({ key, source, lifetime }) {
    const at = now()
    forget(at)
    if (live.has(key)) return false
    const holder = holders.get(holderName(source)) ?? newHolder(source)
    const { network } = source
    requirePlace(holder, network)
    holders.set(holder.name, holder)
    holder.held++
    placesOf(holder).add(network)
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
  network: string
}

/** An agent, or a key that proves none. */
interface Holder {
  readonly name: string
  readonly isAgent: boolean
  held: number
}

function newHolder(source: NonceSource): Holder {
  return { name: holderName(source), isAgent: source.agent !== undefined, held: 0 }
}

type Places = ReturnType<typeof createPlaces>

/** The nonces of agents, or those of keys that prove none, by network and by wider network. */
function createPlaces() {
  const networks = createTally()
  const wider = createTally()
  let all = 0
  return {
    counts: (network: string) => ({
      ofNetwork: networks.of(network),
      most: networks.most(),
      ofWider: wider.of(widerNetwork(network)),
      mostOfWider: wider.most(),
      all,
    }),
    add(network: string): void {
      networks.change(network, 1)
      wider.change(widerNetwork(network), 1)
      all++
    },
    remove(network: string): void {
      networks.change(network, -1)
      wider.change(widerNetwork(network), -1)
      all--
    },
  }
}

/** How many are held by name. What the one with most of them has is known without a look at all. */
function createTally() {
  const held = new Map<string, number>()
  /** How many names hold so many. */
  const sizes: number[] = []
  let most = 0
  return {
    most: () => most,
    of: (name: string): number => held.get(name) ?? 0,
    change(name: string, by: 1 | -1): void {
      const before = held.get(name) ?? 0
      const after = before + by
      if (before > 0) sizes[before] = (sizes[before] ?? 1) - 1
      if (after > 0) {
        sizes[after] = (sizes[after] ?? 0) + 1
        held.set(name, after)
      } else held.delete(name)
      most = Math.max(most, after)
      while (most > 0 && !sizes[most]) most--
    },
  }
}
