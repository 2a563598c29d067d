import { LruCache } from 'countersign/node'

/** How often something may happen within a window of a number of seconds that starts with its first occurrence. */
export interface Rate {
  window: number
  most: number
}

interface Count {
  counted: number
  endsAt: number
}

/** How many keys are counted at once. */
const maxKeys = 20_000

/** Limits how often something happens per key, in this process. A server with several instances allows as many times more. */
export class RateLimit {
  readonly #rate: Rate
  readonly #now: () => number
  readonly #counts = new LruCache<Count>(maxKeys)

  /** @param now Unix seconds */
  constructor(rate: Rate, now: () => number) {
    this.#rate = rate
    this.#now = now
  }

  /** Counts one occurrence. If the limit is reached, counts nothing and returns the number of seconds until the window ends. */
  count(key: string): number | undefined {
    const now = this.#now()
    const found = this.#counts.get(key, now)
    // A window that has not started belongs to a clock that was set back since.
    if (!found || now < found.endsAt - this.#rate.window) {
      const endsAt = now + this.#rate.window
      this.#counts.set(key, { counted: 1, endsAt }, endsAt)
      return undefined
    }
    if (found.counted >= this.#rate.most) return Math.max(1, found.endsAt - now)
    found.counted++
    return undefined
  }
}

/** Limits on the documents that were never fetched before, by the host that they are fetched from, so that no one floods it through this server. */
const hostRates = {
  all: { window: 60, most: 120 },
  /** For one user or network, so that they do not use up what others need. */
  bySource: { window: 60, most: 20 },
}

/** Limits how often documents of a host are fetched. */
export class HostRates {
  readonly #all: RateLimit
  readonly #bySource: RateLimit

  /** @param now Unix seconds */
  constructor(now: () => number) {
    this.#all = new RateLimit(hostRates.all, now)
    this.#bySource = new RateLimit(hostRates.bySource, now)
  }

  /** Counts a fetch; all ports count as one host. If a limit is reached, returns the number of seconds after which to try again. */
  count(url: string, source: string | undefined): number | undefined {
    const { hostname: host } = new URL(url)
    const own = source === undefined ? undefined : this.#bySource.count(`${host} ${source}`)
    return own ?? this.#all.count(host)
  }
}
