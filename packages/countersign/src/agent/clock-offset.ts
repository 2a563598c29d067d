import { LruCache } from '../lib/lru-cache.js'

/** Seconds of tolerance: how long an answer may travel, and the fraction that `Date` leaves out. */
const tolerance = 5

/** Seconds that a clock is made up for at most; one that is further off is to be set. */
const most = 3600

/** More origins than an agent talks to at once. */
const maxOrigins = 1000

/** What servers showed of their clocks, by origin (W7). It never says when a token ends. */
export interface Clocks {
  /** What a server says the time is, in Unix seconds, as far as it has shown. */
  at(origin: string): number
  /**
   * Learns from an answer that refuses a signature, where its `Date` is further from {@link at} than a signature may be old:
   * what is wrong, and whether another signature may help.
   *
   * @param window seconds a signature may be old
   */
  learn(origin: string, response: Response, window: number): { problem: string; mayHelp: boolean } | undefined
}

/** @param now this clock, in Unix seconds */
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
      const problem = `it is ${apart} the server, which refuses signatures that are more than ${window} s off: set it, for example with NTP`
      const mayHelp = Math.abs(offset) <= most
      if (mayHelp) offsets.set(origin, offset, Number.POSITIVE_INFINITY)
      else offsets.delete(origin)
      return { problem, mayHelp }
    },
  }
}
