import { AsyncResource } from 'node:async_hooks'
import { setImmediate } from 'node:timers'
import { networkOf } from '../lib/network-of.js'

/**
 * Requests that begin in one turn of the event loop. A turn accepts one connection, so a new client gets in after as many turns as
 * connections are before it: turns must stay short, also when hundreds of connections send their next request at once. Fewer
 * would leave little but refusals in the turns of a server that is overloaded.
 */
const together = 16

/** Begins the requests of one listener, a limited number in each turn of the event loop. */
export class RequestTurns {
  /** By network, in the order of their turns. */
  readonly #waiting = new Map<string, (() => void)[]>()
  #begun = 0
  #isScheduled = false

  /** Calls `begin` at once, or in one of the next turns: then networks take turns, IPv4 by /24 and IPv6 by /48. */
  take(address: () => string | undefined, begin: () => void): void {
    if (this.#begun < together && this.#waiting.size === 0) {
      this.#begun++
      this.#schedule()
      begin()
      return
    }
    const network = networkOf(address() ?? '', 'site')
    const requests = this.#waiting.get(network)
    // Keeps the asynchronous context in which the request was received.
    const inContext = AsyncResource.bind(begin)
    if (requests) requests.push(inContext)
    else this.#waiting.set(network, [inContext])
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#next())
  }

  #next(): void {
    this.#isScheduled = false
    this.#begun = 0
    for (const [network, requests] of this.#waiting) {
      if (this.#begun >= together) break
      const begin = requests.shift()
      this.#waiting.delete(network)
      // Behind the others: the loop comes back to it.
      if (requests.length > 0) this.#waiting.set(network, requests)
      this.#begun++
      begin?.()
    }
    if (this.#begun > 0) this.#schedule()
  }
}
