import { LruCache } from '../lib/lru-cache.js'
import { type DiscoveryLimits, limits } from './discovery-limits.js'
import type { DiscoveryFailure } from './found.js'
import { createSlots, type Slots } from './slots.js'

/** Who makes a fetch necessary, and for what. */
export interface FetchCause {
  /** Undefined where it is not known: only the limits for all together count then. */
  source: string | undefined
  /** Whether the document was had before: it is then fetched once in a while, whoever asks. */
  known: boolean
  /** Of the document, with the port where it is another than that of `https`. */
  host: string
}

/** How much may be fetched because strangers ask for it (attacks K25). */
export interface FetchBudget {
  /** Begins a fetch; `end` must be called when it is over. */
  begin(cause: FetchCause): { end: () => void } | { failure: DiscoveryFailure }
}

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
  const all = createSlots(limits.fetches, limits.fetchesPerHost)
  const cold = createSlots(limits.coldFetches, limits.coldFetchesPerSource)
  const known = createSlots(limits.knownFetches, limits.knownFetchesPerSource)
  const slow = createSlots(limits.slowFetches, limits.slowFetchesPerSource)
  const slowHosts = new LruCache<true>(limits.sources)
  const bySource = new LruCache<MinuteCount>(limits.sources)
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

  function takePlaces({ source, known: isKnown, host }: FetchCause): (() => void) | undefined {
    const wanted: [slots: Slots, holder: string | undefined][] = [
      [isKnown ? known : cold, source],
      [all, host],
      ...(slowHosts.get(host, now()) ? [[slow, source] satisfies [Slots, string | undefined]] : []),
    ]
    const taken: (() => void)[] = []
    const leave = (): void => {
      for (const leaveOne of taken) leaveOne()
    }
    for (const [slots, holder] of wanted) {
      const leaveOne = slots.take(holder)
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
      const leave = takePlaces(cause)
      if (!leave) return { failure: busyFailure('too much is being fetched', limits.busyRetryAfter) }
      for (const count of counts) count.begun++
      const begunAt = elapsed()
      return {
        end: () => {
          leave()
          if (elapsed() - begunAt >= limits.slowMilliseconds) slowHosts.set(cause.host, true, now() + limits.slowAge)
        },
      }
    },
  }
}

/** @param retryAfter seconds */
export function busyFailure(message: string, retryAfter: number): DiscoveryFailure {
  return { reason: 'busy', message, retryAfter }
}
