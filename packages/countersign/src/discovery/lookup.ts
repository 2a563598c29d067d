import { networkOf } from '../lib/network-of.js'
import { type DiscoveryLimits, limits } from './discovery-limits.js'
import { busyFailure } from './fetch-budget.js'
import type { DiscoveryFailure, Found } from './found.js'
import { createSlots } from './slots.js'

/** One caller's lookup: who asks, and how long they are let wait. */
export interface Lookup {
  /** The network that the request came from. */
  readonly source: string | undefined
  /**
   * What comes of a fetch that is begun or joined now, or that the time of the lookup is over before it.
   *
   * @param known whether the document was had before: those who wait for such ones have places of their own
   */
  wait<T>(begin: () => Promise<Found<T>>, known: boolean): Promise<Found<T>>
  /**
   * The failure of an earlier fetch. Told at once; but while who began that fetch may still wait, as late as though it
   * were found out now: else a second question would get at once what the first one must wait for.
   */
  recall(failed: FailedFetch, known: boolean): Promise<Found<never>>
}

export interface FailedFetch {
  failure: DiscoveryFailure
  /** Unix seconds. */
  begunAt: number
}

/** Waits for a number of milliseconds, or until the signal aborts; resolves in either case. */
export type Delay = (milliseconds: number, signal: AbortSignal) => Promise<void>

/** When a lookup that failed is answered, see {@link DiscoveryLimits.failureTime}. */
export type FailureTime = NonNullable<DiscoveryLimits['failureTime']>

/** Makes a lookup for one caller and answers what comes of it, when it is time. */
export type RunLookup = <T>(
  remoteAddress: string | undefined,
  failureTime: FailureTime,
  look: (lookup: Lookup) => Promise<Found<T>>,
) => Promise<Found<T>>

/**
 * A lookup that waits for a fetch fails 2.5 s after it began to wait: with `equal` not earlier, so that the time does not tell why
 * (a name that does not resolve, an address that is refused, a closed port, a silent host, a bad document), and not
 * later, also where two documents are fetched. What is found is answered at once; so is what needs no fetch: a failure
 * that is remembered, an identifier of the wrong form. Nobody waits in a place for fetches, and no more wait than a
 * server can hold.
 */
export function createLookups(now: () => number, delay: Delay = timedDelay): RunLookup {
  const waitingForNew = createSlots(limits.waiting, limits.waitingPerSource)
  const waitingForKnown = createSlots(limits.waiting, limits.waitingPerSource)

  return async (remoteAddress, failureTime, look) => {
    const source = remoteAddress === undefined ? undefined : networkOf(remoteAddress)
    const ended = new AbortController()
    let over: Promise<Found<never>> | undefined
    let leave: (() => void) | undefined

    async function timeOut(): Promise<Found<never>> {
      await delay(limits.timeoutMilliseconds, ended.signal)
      return { failure: { reason: 'unreachable', message: `nothing within ${limits.timeoutMilliseconds} ms` } }
    }

    function startWaiting(known: boolean): Promise<Found<never>> | undefined {
      leave ??= (known ? waitingForKnown : waitingForNew).take(source)
      if (leave) over ??= timeOut()
      return over
    }

    const tooMany: Found<never> = { failure: busyFailure('too many lookups are waiting', limits.busyRetryAfter) }
    const lookup: Lookup = {
      source,
      wait: async (begin, known) => {
        const timeOver = startWaiting(known)
        return timeOver ? Promise.race([begin(), timeOver]) : tooMany
      },
      recall: async ({ failure, begunAt }, known) => {
        // A second more, since the clock shows whole ones.
        const isAnswered = (now() - begunAt - 1) * 1000 > limits.timeoutMilliseconds
        return isAnswered || startWaiting(known) ? { failure } : tooMany
      },
    }
    try {
      const outcome = await look(lookup)
      const isHeld = 'failure' in outcome && outcome.failure.reason !== 'busy' && failureTime === 'equal'
      if (isHeld) await over
      return outcome
    } finally {
      ended.abort()
      leave?.()
    }
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
