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

/** What strangers can make a server fetch, and how it answers when nothing is found (attacks K25). */
export interface DiscoveryLimits {
  /**
   * Fetches of documents not known yet that may begin in a minute, for everybody together; more are refused with 429.
   * @default 3000
   */
  fetchesPerMinute?: number | undefined
  /**
   * The same for one network, IPv4 /24 or IPv6 /48. Behind a proxy everybody counts as one network, unless the server
   * knows the client's address (`trustProxy`, or `clientAddress` in code). @default 300
   */
  fetchesPerSource?: number | undefined
  /** Seconds before a document that could not be fetched is tried again. @default 30 */
  failureAge?: number | undefined
  /**
   * Seconds between two fetches of the same key set because a signature did not fit its key: the origin may have changed
   * the key and kept its `kid`. Anybody can cause such a fetch with a wrong signature. @default 60
   */
  renewalInterval?: number | undefined
  /**
   * When a failed lookup is answered. `equal`: 2.5 seconds after it began, whatever the cause, so that strangers cannot
   * learn from the time which names, hosts and ports a network has. `shortest`: as soon as it fails, for tools and tests.
   * @default 'equal'
   */
  failureTime?: 'equal' | 'shortest' | undefined
}

/** How many can go on at once. */
interface ConcurrencyLimit {
  /** Enters; undefined where as many are in. What is given back must be called once, to leave. */
  enter(holder: string | undefined): (() => void) | undefined
}

/**
 * @param total for everybody together
 * @param perHolder of them for one holder; an unknown one may have all
 * @param partPerHolder of those that are left, for one holder, who may always have one
 */
function createConcurrencyLimit(
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

/** Of a rate limit. */
interface MinuteCount {
  begun: number
  endsAt: number
}

/**
 * Creates a budget of its own, with bounded memory for sources and hosts.
 *
 * @param elapsed milliseconds since any moment, by a clock that nobody sets
 */
export function createFetchBudget(
  options: DiscoveryLimits,
  now: () => number,
  elapsed: () => number = () => performance.now(),
): FetchBudget {
  const { fetchesPerMinute = 3000, fetchesPerSource = 300 } = options
  // Concurrency limits; those of the options are rate limits.
  const all = createConcurrencyLimit(guardLimits.fetches, guardLimits.fetchesPerHost)
  const cold = createConcurrencyLimit(
    guardLimits.coldFetches,
    guardLimits.coldFetchesPerSource,
    guardLimits.coldPartPerSource,
  )
  const known = createConcurrencyLimit(guardLimits.knownFetches, guardLimits.knownFetchesPerSource)
  const slow = createConcurrencyLimit(guardLimits.slowFetches, guardLimits.slowFetchesPerSource)
  const slowHosts = new LruCache<true>(guardLimits.sources)
  const bySource = new LruCache<MinuteCount>(guardLimits.sources)
  let together: MinuteCount = { begun: 0, endsAt: 0 }

  function countTogether(): MinuteCount {
    if (together.endsAt <= now()) together = { begun: 0, endsAt: now() + 60 }
    return together
  }

  function countOf(source: string): MinuteCount {
    const found = bySource.get(source, now())
    if (found) return found
    const count = { begun: 0, endsAt: now() + 60 }
    bySource.set(source, count, count.endsAt)
    return count
  }

  function enterAll({ source, known: isKnown, host }: FetchCause): (() => void) | undefined {
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
        return { failure: busyFailure('enough was fetched in this minute', retryAfter) }
      }
      const leave = enterAll(cause)
      if (!leave) return { failure: busyFailure('too much is being fetched') }
      for (const count of counts) count.begun++
      const begunAt = elapsed()
      return {
        end: () => {
          leave()
          if (elapsed() - begunAt >= guardLimits.slowMilliseconds)
            slowHosts.set(cause.host, true, now() + guardLimits.slowAge)
        },
      }
    },
  }
}

/** Waits for a number of milliseconds, or until the signal aborts; resolves in either case. */
export type Delay = (milliseconds: number, signal: AbortSignal) => Promise<void>

/**
 * A queue of lookups that wait for a fetch. A waiting lookup fails 2.5 s after it was queued: with `equal` not earlier, so that
 * the time does not reveal why (a name that does not resolve, an address that is refused, a closed port, a silent host, a bad
 * document), and not later, even if two documents are fetched. A result is returned at once, as is a failure that needs no
 * fetch: one that is cached, or an identifier of the wrong form. Waiting does not count toward the limit of concurrent fetches.
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

  /** Runs a lookup for one caller; resolves to its result, a failure not before its time. */
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
   * Joins the queue; returns the failure if it is full.
   *
   * @param known whether the document was fetched before: lookups of such documents have a separate queue
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
   * The failure of an earlier fetch, at once; but while the lookup that started that fetch may still wait, as late as if it
   * were new: else a second lookup would get at once what the first one must wait for.
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
