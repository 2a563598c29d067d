import { pause } from '../lib/clock.js'
import { LruCache } from '../lib/lru-cache.js'
import { networkOf } from '../lib/network-of.js'
import { type Found, fetchLimits } from './fetch-document.js'
import {
  busyFailure,
  type FailedFetch,
  type FailureTime,
  type FetchBudget,
  type FetchCause,
  guardLimits,
  type Lookup,
} from './lookup-guard.js'

/** Limits on the fetches that clients can cause, and when failures are reported (attacks K25). */
export interface DiscoveryLimits {
  /**
   * Maximum number of fetches per minute, in total, of documents that were never fetched before. Further fetches are refused with 429.
   * @default 3000
   */
  fetchesPerMinute?: number | undefined
  /**
   * The corresponding limit for each network (IPv4 /24 or IPv6 /48). Behind a proxy, all clients count as one network unless the server
   * knows each client's address (`trustProxy`, or `clientAddress` in code). @default 300
   */
  fetchesPerSource?: number | undefined
  /** Delay before a failed fetch of a document is retried, in seconds; at most 5 for the documents of auth servers. @default 30 */
  failureAge?: number | undefined
  /**
   * Minimum time, in seconds, between two fetches of a key set because a signature does not match its key: the origin may have replaced the
   * key under the same `kid`. Anyone can cause such a fetch with an invalid signature. @default 60
   */
  renewalInterval?: number | undefined
  /**
   * When a failed lookup is reported. `equal`: 2.5 seconds after the lookup started, whatever the cause, so that the timing does not reveal
   * to clients which names, hosts and ports exist in a network. `shortest`: as soon as it fails, for tools and tests.
   * @default 'equal'
   */
  failureTime?: 'equal' | 'shortest' | undefined
}

/** Limits concurrent operations. */
export interface ConcurrencyLimit {
  /** Acquires a slot; returns undefined if none is free. Call the returned function exactly once to release the slot. */
  enter(holder: string | undefined): (() => void) | undefined
}

/**
 * Creates a limit on concurrent operations, such as waiting for a fetch.
 *
 * @param total total number of slots
 * @param perHolder slots for one holder; an unknown holder may take all
 * @param partPerHolder fraction of the free slots that one holder may take; at least one slot
 */
export function createConcurrencyLimit(
  total: number,
  perHolder: number,
  partPerHolder = Number.POSITIVE_INFINITY,
): ConcurrencyLimit {
  let inside = 0
  const insideBy = new Map<string, number>()

  return {
    enter(holder) {
      const own = holder === undefined ? 0 : (insideBy.get(holder) ?? 0)
      if (inside >= total || own >= Math.min(perHolder, (total - inside) * partPerHolder)) return undefined
      inside++
      if (holder !== undefined) insideBy.set(holder, own + 1)
      return () => {
        inside--
        if (holder === undefined) return
        const left = (insideBy.get(holder) ?? 0) - 1
        if (left > 0) insideBy.set(holder, left)
        else insideBy.delete(holder)
      }
    },
  }
}

/** A rate limit's counter. */
interface MinuteCount {
  begun: number
  endsAt: number
}

/**
 * Creates a fetch budget with bounded memory for sources and hosts.
 *
 * @param elapsed returns monotonic time in milliseconds
 */
export function createFetchBudget(
  options: DiscoveryLimits,
  now: () => number,
  elapsed: () => number = () => performance.now(),
): FetchBudget {
  const { fetchesPerMinute = 3000, fetchesPerSource = 300 } = options
  // These are concurrency limits; the limits in the options are rate limits.
  const all = createConcurrencyLimit(guardLimits.fetches, guardLimits.fetchesPerHost)
  const cold = createConcurrencyLimit(
    guardLimits.coldFetches,
    guardLimits.coldFetchesPerSource,
    guardLimits.newFetchFraction,
  )
  const known = createConcurrencyLimit(guardLimits.knownFetches, guardLimits.knownFetchesPerSource)
  const slow = createConcurrencyLimit(guardLimits.slowFetches, guardLimits.slowFetchesPerSource)
  const slowHosts = new LruCache<true>(guardLimits.sources)
  const bySource = new LruCache<MinuteCount>(guardLimits.sources)
  let together: MinuteCount = { begun: 0, endsAt: 0 }

  function countTogether(): MinuteCount {
    // A minute that ends later belongs to a clock that was set back since.
    if (together.endsAt <= now() || together.endsAt > now() + 60) together = { begun: 0, endsAt: now() + 60 }
    return together
  }

  function countOf(source: string): MinuteCount {
    const found = bySource.get(source, now())
    if (found) return found
    const count = { begun: 0, endsAt: now() + 60 }
    bySource.set(source, count, count.endsAt)
    return count
  }

  function enterAll({ source, known: isKnown }: FetchCause, host: string): (() => void) | undefined {
    const wanted: [limit: ConcurrencyLimit, holder: string | undefined][] = [
      [isKnown ? known : cold, source],
      [all, host],
    ]
    if (slowHosts.get(host, now())) wanted.push([slow, source])
    const taken: (() => void)[] = []
    const leave = (): void => {
      for (const leaveOne of taken) leaveOne()
    }
    for (const [limit, holder] of wanted) {
      const leaveOne = limit.enter(holder)
      if (!leaveOne) {
        leave()
        return undefined
      }
      taken.push(leaveOne)
    }
    return leave
  }

  return {
    begin(cause) {
      const counts = cause.known
        ? []
        : [countTogether(), ...(cause.source === undefined ? [] : [countOf(cause.source)])]
      const spent = [fetchesPerMinute, fetchesPerSource].flatMap((most, at) => {
        const count = counts[at]
        return count && count.begun >= most ? [count] : []
      })
      if (spent.length > 0) {
        const retryAfter = Math.max(...spent.map(({ endsAt }) => endsAt - now()))
        return { failure: busyFailure('the limit of fetches per minute is reached', retryAfter) }
      }
      const host = new URL(cause.url).hostname
      const leave = enterAll(cause, host)
      if (!leave) return { failure: busyFailure('too many fetches are in progress') }
      for (const count of counts) count.begun++
      const createdAt = elapsed()
      return {
        end: () => {
          leave()
          if (elapsed() - createdAt >= guardLimits.slowMilliseconds)
            slowHosts.set(host, true, now() + guardLimits.slowAge)
        },
      }
    },
  }
}

/** Waits for a number of milliseconds, or until the signal aborts; resolves in both cases. */
export type Delay = (milliseconds: number, signal: AbortSignal) => Promise<void>

/**
 * A queue of lookups that are waiting for a fetch. A waiting lookup fails 2.5 s after it was queued. With `equal`, it does not fail
 * earlier, so that the timing does not reveal the cause (a name that does not resolve, a refused address, a closed port, a silent host, an
 * invalid document). Nor does it fail later, even if two documents are fetched. A result is returned at once, as is a failure that needs no
 * fetch: a cached failure, or an identifier with an invalid form. Waiting lookups do not count toward the limit of concurrent fetches.
 */
export class LookupQueue {
  readonly #now: () => number
  readonly #delay: Delay
  readonly #forNew = createConcurrencyLimit(guardLimits.waiting, guardLimits.waitingPerSource)
  readonly #forKnown = createConcurrencyLimit(guardLimits.waiting, guardLimits.waitingPerSource)

  constructor(
    now: () => number,
    delay: Delay = (milliseconds, signal) => pause(milliseconds, signal).catch(() => undefined),
  ) {
    this.#now = now
    this.#delay = delay
  }

  /** Runs a lookup for one caller. Resolves to the result; a failure is delayed until the time to report it. */
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
  /** Resolves when the lookup times out; set once the lookup is waiting. */
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
   * Joins the queue; returns a failure if the queue is full.
   *
   * @param known whether the document was fetched before: lookups of known documents have a separate queue
   */
  enter(known: boolean): Found<never> | undefined {
    this.#leave ??= (known ? this.#forKnown : this.#forNew).enter(this.source)
    if (!this.#leave) return queueIsFull
    this.timeOver ??= this.#timeOut()
    return undefined
  }

  /** Resolves to the result of a fetch, or to a failure if the lookup times out first. */
  async within<T>(fetching: Promise<Found<T>>): Promise<Found<T>> {
    return this.timeOver ? Promise.race([fetching, this.timeOver]) : fetching
  }

  /**
   * Returns the failure of an earlier fetch. If the lookup that started that fetch may still be waiting, this lookup joins the queue as if
   * it were new. Otherwise, a second lookup would immediately receive the failure for which the first one must wait.
   */
  recall({ failure, createdAt }: FailedFetch, known: boolean): Found<never> {
    // One extra second, because the clock has a resolution of one second.
    const isAnswered = (this.#clocks.now() - createdAt - 1) * 1000 > fetchLimits.timeoutMilliseconds
    return isAnswered ? { failure } : (this.enter(known) ?? { failure })
  }

  end(): void {
    this.#waiting?.abort()
    this.#leave?.()
  }

  async #timeOut(): Promise<Found<never>> {
    this.#waiting = new AbortController()
    await this.#clocks.delay(fetchLimits.timeoutMilliseconds, this.#waiting.signal)
    return { failure: { reason: 'unreachable', message: `no response within ${fetchLimits.timeoutMilliseconds} ms` } }
  }
}
