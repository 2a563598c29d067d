import { LruCache } from '../lib/lru-cache.js'

/** Tolerance in seconds, for network latency and the fraction that `Date` omits. */
const tolerance = 5

/** Maximum clock offset to compensate for, in seconds. A clock that is off by more must be corrected. */
const most = 3600

/** Larger than the number of origins that an agent uses at once. */
const maxOrigins = 1000

/** The clock offsets of servers, by origin (W7). They do not affect when tokens expire. */
export interface Clocks {
  /** Returns the server's time in Unix seconds; the local time if the server's offset is unknown. */
  at(origin: string): number
  /**
   * Learns the server's time from a response that refuses a signature, if its `Date` differs from {@link at} by more than the maximum age
   * of a signature. Returns the problem, and whether signing again may help.
   *
   * @param window maximum age of a signature, in seconds
   */
  learn(origin: string, response: Response, window: number): { problem: string; mayHelp: boolean } | undefined
}

/** @param now returns the local time in Unix seconds */
export function createClocks(now: () => number): Clocks {
  const offsets = new LruCache<number>(maxOrigins)
  const at = (origin: string) => now() + (offsets.get(origin, now()) ?? 0)
  return {
    at,
    learn(origin, response, window) {
      const shown = Date.parse(response.headers.get('date') ?? '') / 1000
      if (!(Math.abs(shown - at(origin)) > window - tolerance)) return undefined
      const offset = Math.round(shown - now())
      const apart = `${Math.abs(offset)} s ${offset < 0 ? 'ahead of' : 'behind'}`
      const problem = `the agent's clock is ${apart} the server, which refuses signatures that are more than ${window} s off: synchronize the clock with NTP`
      const mayHelp = Math.abs(offset) <= most
      if (mayHelp) offsets.set(origin, offset, Number.POSITIVE_INFINITY)
      else offsets.delete(origin)
      return { problem, mayHelp }
    },
  }
}
