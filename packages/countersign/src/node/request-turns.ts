import { AsyncResource } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setImmediate } from 'node:timers'
import { networkOf } from '../lib/network-of.js'

/**
 * Requests that begin in one turn of the event loop, usually and after a turn that accepted a connection. A turn accepts one, so a
 * new client gets in after as many turns as connections are before it: those must be short. Fewer requests in the others would leave little
 * but refusals in the turns of a server that is overloaded, and split the batches of its storage.
 */
const together = { usually: 16, whileAccepting: 2 }

/** Requests with `refuse` that may wait. The others wait one per connection. */
const refusable = { total: 2048, perNetwork: 1024 }

/** Where Node.js reports each connection that it accepts. */
const accepting = 'net.server.socket'

/** A request that takes its turn. */
export interface TurnRequest {
  /** The client's address. Called only if the request must wait. */
  readonly address: () => string | undefined
  readonly begin: () => void
  /** Called instead of `begin` if too many requests wait and its network holds most of them. @default it waits in any case */
  readonly refuse?: (() => void) | undefined
}

/** Begins the requests of one listener, a limited number in each turn of the event loop. */
export class RequestTurns {
  /** In the order of their turns. */
  readonly #networks = new Map<string, WaitingNetwork>()
  #refusable = 0
  #begun = 0
  /** How many may begin in this turn. */
  #most = together.usually
  #isScheduled = false
  /** Whether this process accepted a connection since the last turn. */
  #hasAccepted = false
  readonly #noteAccepted = () => {
    this.#hasAccepted = true
  }

  /** Notes from now on that connections are accepted, until `unwatch` is called. */
  watch(): void {
    subscribe(accepting, this.#noteAccepted)
  }

  unwatch(): void {
    unsubscribe(accepting, this.#noteAccepted)
  }

  /**
   * Calls `begin` at once, or in one of the next turns: then networks take turns, IPv4 by /24 and IPv6 by /48.
   *
   * @returns removes the request, and returns whether it still waited; undefined if it has begun or was refused
   */
  take({ address, begin, refuse }: TurnRequest): (() => boolean) | undefined {
    if (this.#begun < this.#most && this.#networks.size === 0) {
      this.#begun++
      this.#schedule()
      begin()
      return undefined
    }
    const name = networkOf(address() ?? '', 'site')
    if (refuse && !this.#makeRoom(this.#networks.get(name)?.refusable.size ?? 0)) {
      refuse()
      return undefined
    }
    const network = this.#networks.get(name) ?? { name, requests: new Set(), refusable: new Set() }
    this.#networks.set(name, network)
    // Not `AsyncResource.bind`: under overload, its 12 µs are a sixth of a refusal.
    const request = { begin, refuse, context: new AsyncResource('WaitingRequest') }
    network.requests.add(request)
    if (refuse) {
      network.refusable.add(request)
      this.#refusable++
    }
    return () => this.#remove(network, request)
  }

  /** Makes room for a request with `refuse` of a network that holds so many; false if that network holds most. */
  #makeRoom(held: number): boolean {
    if (held >= refusable.perNetwork) return false
    if (this.#refusable < refusable.total) return true
    let fullest: WaitingNetwork | undefined
    for (const network of this.#networks.values())
      if (network.refusable.size > Math.max(held, fullest?.refusable.size ?? 0)) fullest = network
    const [displaced] = fullest?.refusable ?? []
    if (!fullest || !displaced) return false
    this.#remove(fullest, displaced)
    displaced.refuse?.()
    return true
  }

  #remove(network: WaitingNetwork, request: WaitingRequest): boolean {
    if (!network.requests.delete(request)) return false
    if (network.refusable.delete(request)) this.#refusable--
    if (network.requests.size === 0 && this.#networks.get(network.name) === network) this.#networks.delete(network.name)
    return true
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#next())
  }

  #next(): void {
    this.#isScheduled = false
    this.#begun = 0
    this.#most = this.#hasAccepted ? together.whileAccepting : together.usually
    this.#hasAccepted = false
    for (const [name, network] of this.#networks) {
      if (this.#begun >= this.#most) break
      const [request] = network.requests
      if (!request) continue
      // Behind the others: the loop comes back to it.
      this.#networks.delete(name)
      this.#networks.set(name, network)
      this.#remove(network, request)
      this.#begun++
      request.context.runInAsyncScope(request.begin)
    }
    if (this.#begun > 0) this.#schedule()
  }
}

/** The requests of one network that wait, oldest first. */
interface WaitingNetwork {
  readonly name: string
  readonly requests: Set<WaitingRequest>
  /** Those of them with `refuse`. */
  readonly refusable: Set<WaitingRequest>
}

interface WaitingRequest extends Pick<TurnRequest, 'begin' | 'refuse'> {
  /** The asynchronous context in which it was received. */
  readonly context: AsyncResource
}
