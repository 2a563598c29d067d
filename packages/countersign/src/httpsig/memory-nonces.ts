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
 * Creates a `claimNonce` that stores nonces in this process. If there are several instances, each of them would accept a nonce once, so use
 * a shared store instead. Only the key, agent or network that exceeds its limit is refused (429). Keys without an agent cannot crowd out
 * agents.
 *
 * @throws TypeError for invalid limits
 */
export function createMemoryNonces({
  now = systemClock,
  ...given
}: MemoryNoncesOptions = {}): (claim: NonceClaim) => boolean {
  const limits = requireNonceLimits(given, 100_000)
  const live = new Map<string, LiveNonce>()
  /** Nonces by the second in which they expire: each nonce is visited only once more, however many there are. */
  const ending = new Map<number, string[]>()
  const holders = new Map<string, Holder>()
  const ofAgents = createPlaces()
  const anonymous = createPlaces()
  const startedAt = Math.floor(now())
  let forgottenAt = Number.NEGATIVE_INFINITY

  function forget(at: number): void {
    // Nonces must still expire if the clock has been set back.
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
    return isAgent ? ofAgents : anonymous
  }

  function requirePlace(holder: Holder, network: string): void {
    const counts = { isAgent: holder.isAgent, ofHolder: holder.held, ...placesOf(holder).counts(network) }
    const reached = reachedLimit(counts, limits)
    // Evicting an unexpired nonce would allow a replay, so the new nonce is refused.
    if (reached) throw nonceRefusal(reached)
  }

  return function claimNonce({ key, source, lifetime, issuedAt = startedAt }) {
    const at = now()
    forget(at)
    if (live.has(key) || issuedAt < startedAt) return false
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

/** An agent, or a key without an agent. */
interface Holder {
  readonly name: string
  readonly isAgent: boolean
  held: number
}

function newHolder(source: NonceSource): Holder {
  return { name: holderName(source), isAgent: source.agent !== undefined, held: 0 }
}

type Places = ReturnType<typeof createPlaces>

/** Counts nonces by network and by wider network, either for agents or for keys without an agent. */
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

/** Counts by name. The highest count is available without a scan. */
export function createTally() {
  const held = new Map<string, number>()
  /** How many names have each count. */
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
