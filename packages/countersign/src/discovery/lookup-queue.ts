import { networkOf } from '../lib/network-of.js'
import { type ConcurrencyLimit, createConcurrencyLimit } from './fetch-budget.js'
import { type Found, fetchLimits } from './fetch-document.js'
import { guardLimits } from './guard-limits.js'
import { busyFailure, type FailedFetch, type FailureTime, type Lookup } from './lookup-guard.js'

/** Waits for a number of milliseconds, or until the signal aborts; resolves in either case. */
export type Delay = (milliseconds: number, signal: AbortSignal) => Promise<void>

/**
 * A queue of lookups that wait for a fetch. One that waits fails 2.5 s after it began to wait: with `equal` not earlier, so that
 * the time does not tell why (a name that does not resolve, an address that is refused, a closed port, a silent host, a bad
 * document), and not later, also where two documents are fetched. What is found is answered at once; so is what needs no
 * fetch: a failure that is remembered, an identifier of the wrong form. Waiting takes nothing of the limit of fetches at once.
 */
export class LookupQueue {
  readonly #now: () => number
  readonly #delay: Delay
  readonly #forNew = createConcurrencyLimit(guardLimits.waiting, guardLimits.waitingPerSource)
  readonly #forKnown = createConcurrencyLimit(guardLimits.waiting, guardLimits.waitingPerSource)

  constructor(now: () => number, delay: Delay = timedDelay) {
    this.#now = now
    this.#delay = delay
  }

  /** Makes a lookup for one caller, and answers with its result when it is time. */
  async run<T>(
    remoteAddress: string | undefined,
    failureTime: FailureTime,
    look: (lookup: Lookup) => Promise<Found<T>>,
  ): Promise<Found<T>> {
    const lookup = new QueuedLookup(remoteAddress, { now: this.#now, delay: this.#delay }, this.#forNew, this.#forKnown)
    try {
      const outcome = await look(lookup)
      const isHeld = 'failure' in outcome && outcome.failure.reason !== 'busy' && failureTime === 'equal'
      if (isHeld) await lookup.timeOver
      return outcome
    } finally {
      lookup.end()
    }
  }
}

const queueIsFull: Found<never> = { failure: busyFailure('too many lookups are waiting') }

class QueuedLookup implements Lookup {
  /** The network that the request came from. */
  readonly source: string | undefined
  /** The end of the time to wait, once the lookup waits. */
  timeOver: Promise<Found<never>> | undefined
  readonly #clocks: { now: () => number; delay: Delay }
  readonly #forNew: ConcurrencyLimit
  readonly #forKnown: ConcurrencyLimit
  #waiting: AbortController | undefined
  #leave: (() => void) | undefined

  constructor(
    remoteAddress: string | undefined,
    clocks: { now: () => number; delay: Delay },
    forNew: ConcurrencyLimit,
    forKnown: ConcurrencyLimit,
  ) {
    this.source = remoteAddress === undefined ? undefined : networkOf(remoteAddress, 'site')
    this.#clocks = clocks
    this.#forNew = forNew
    this.#forKnown = forKnown
  }

  /**
   * Begins to wait; gives the failure where the queue is full.
   *
   * @param known whether the document was fetched before: those who wait for such documents have a queue of their own
   */
  enter(known: boolean): Found<never> | undefined {
    this.#leave ??= (known ? this.#forKnown : this.#forNew).enter(this.source)
    if (!this.#leave) return queueIsFull
    this.timeOver ??= this.#timeOut()
    return undefined
  }

  /** The result of a fetch, or that the time of the lookup is over before it. */
  async within<T>(fetching: Promise<Found<T>>): Promise<Found<T>> {
    return this.timeOver ? Promise.race([fetching, this.timeOver]) : fetching
  }

  /**
   * The failure of an earlier fetch. Told at once; but while who began that fetch may still wait, as late as though it
   * were found out now: else a second question would get at once what the first one must wait for.
   */
  recall({ failure, begunAt }: FailedFetch, known: boolean): Found<never> {
    // A second more, since the clock shows whole ones.
    const isAnswered = (this.#clocks.now() - begunAt - 1) * 1000 > fetchLimits.timeoutMilliseconds
    return isAnswered ? { failure } : (this.enter(known) ?? { failure })
  }

  end(): void {
    this.#waiting?.abort()
    this.#leave?.()
  }

  async #timeOut(): Promise<Found<never>> {
    this.#waiting = new AbortController()
    await this.#clocks.delay(fetchLimits.timeoutMilliseconds, this.#waiting.signal)
    return { failure: { reason: 'unreachable', message: `nothing within ${fetchLimits.timeoutMilliseconds} ms` } }
  }
}

function timedDelay(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}
