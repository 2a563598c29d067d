import { AsyncResource } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setImmediate } from 'node:timers'
import { networkOf } from '../lib/network-of.js'

/**
 * Requests started in one turn of the event loop: normally, and after a turn that accepted a connection. A turn accepts one connection, so
 * a new client waits for as many turns as there are connections ahead of it; those turns must therefore be short. With a lower limit for
 * the other turns, an overloaded server would do little more than refuse requests, and the batches of its storage would be split.
 */
const together = { usually: 16, whileAccepting: 2 }

/** Limits on waiting requests that have `refuse`. Without it, only one request per connection waits. */
const refusable = { total: 2048, perNetwork: 1024 }

/** The channel on which Node.js reports each accepted connection. */
const accepting = 'net.server.socket'

/** A request that is waiting for its turn. */
export interface TurnRequest {
  /** Returns the client's address. Called only if the request must wait. */
  readonly address: () => string | undefined
  readonly begin: () => void
  /**
   * Called instead of `begin` if too many requests are waiting and the request's network has the most of them. @default the request always
   * waits
   */
  readonly refuse?: (() => void) | undefined
}

/** Starts one listener's requests, up to a limit in each turn of the event loop. */
export class FairScheduler {
  /** Networks, in the order in which they take turns. */
  readonly #networks = new Map<string, WaitingNetwork>()
  #refusable = 0
  #begun = 0
  /** How many requests may start in this turn. */
  #most = together.usually
  #isScheduled = false
  /** Whether this process accepted a connection since the last turn. */
  #hasAccepted = false
  readonly #noteAccepted = () => {
    this.#hasAccepted = true
  }

  /** Starts watching for accepted connections, until `unwatch` is called. */
  watch(): void {
    subscribe(accepting, this.#noteAccepted)
  }

  unwatch(): void {
    unsubscribe(accepting, this.#noteAccepted)
  }

  /**
   * Calls `begin` either at once or in a later turn. In the latter case, networks take turns (IPv4 by /24, IPv6 by /48).
   *
   * @returns a function that removes the request and returns whether it was still waiting; undefined if the request has started or was
   * refused
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
    // Not `AsyncResource.bind`: under overload, the 12 µs that it takes are a sixth of the cost of a refusal.
    const request = { begin, refuse, context: new AsyncResource('WaitingRequest') }
    network.requests.add(request)
    if (refuse) {
      network.refusable.add(request)
      this.#refusable++
    }
    return () => this.#remove(network, request)
  }

  /**
   * Makes room for a request with `refuse` from a network that already has `held` of them. Returns false if that network has the most of
   * them.
   */
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
      // Moved behind the other networks: the loop returns to it later.
      this.#networks.delete(name)
      this.#networks.set(name, network)
      this.#remove(network, request)
      this.#begun++
      request.context.runInAsyncScope(request.begin)
    }
    if (this.#begun > 0) this.#schedule()
  }
}

/** The waiting requests of one network, oldest first. */
interface WaitingNetwork {
  readonly name: string
  readonly requests: Set<WaitingRequest>
  /** The waiting requests that have `refuse`. */
  readonly refusable: Set<WaitingRequest>
}

interface WaitingRequest extends Pick<TurnRequest, 'begin' | 'refuse'> {
  /** The asynchronous context in which the request was received. */
  readonly context: AsyncResource
}
