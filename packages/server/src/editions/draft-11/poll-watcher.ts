import { networkOf } from 'countersign/node'
import type { PolledRequestStorage, PolledState } from '../../storage/api/polled-request-storage.js'

/** An agent that waits for a change of its request. */
export interface Waiting {
  pollHash: string
  /** The request as the agent knows it. */
  seen: PolledState
  /** At most this long, in seconds. */
  seconds: number
  /** Whose polls are counted together. */
  agent: string
  remoteAddress: string | undefined
}

interface Waiter {
  pollHash: string
  seen: PolledState
  /** Milliseconds on the monotonic clock. */
  until: number
  end: (changed: boolean) => void
}

/** Limits on waiting polls per process. Beyond them, a poll is answered at once. */
const most = { all: 2000, agent: 20, network: 1000 } as const

/** How often the requests are looked up, in milliseconds. */
const interval = 250

export interface PollWatcherOptions {
  storage: Pick<PolledRequestStorage, 'findPolledStates'>
  /** Called if the requests could not be looked up. The polls go on waiting. */
  onError: (error: unknown) => void
}

/**
 * Holds polls until their requests change. All of them share one timer and one lookup, so that a waiting poll holds no connection to the
 * database and needs little memory.
 */
export class PollWatcher {
  readonly #storage: PollWatcherOptions['storage']
  readonly #onError: PollWatcherOptions['onError']
  readonly #waiters = new Set<Waiter>()
  readonly #counts = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #isLooking = false

  constructor({ storage, onError }: PollWatcherOptions) {
    this.#storage = storage
    this.#onError = onError
  }

  /** How many polls are waiting. */
  get size(): number {
    return this.#waiters.size
  }

  /** Waits. Returns whether the request changed; false at once if too many polls are waiting. */
  async wait({ pollHash, seen, seconds, agent, remoteAddress }: Waiting): Promise<boolean> {
    const counted = [
      ['agent', `agent ${agent}`] as const,
      ...(remoteAddress === undefined ? [] : [['network', `network ${networkOf(remoteAddress, 'site')}`] as const]),
    ]
    const isFull = counted.some(([kind, key]) => (this.#counts.get(key) ?? 0) >= most[kind])
    if (seconds <= 0 || isFull || this.#waiters.size >= most.all) return false
    const keys = counted.map(([, key]) => key)
    for (const key of keys) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    try {
      return await new Promise<boolean>((end) => {
        this.#waiters.add({ pollHash, seen, until: performance.now() + seconds * 1000, end })
        this.#timer ??= setInterval(() => void this.#look(), interval).unref()
      })
    } finally {
      for (const key of keys) this.#release(key)
    }
  }

  /** Ends all waits, as if nothing had changed. */
  close(): void {
    for (const waiter of this.#waiters) this.#end(waiter, false)
  }

  #release(key: string): void {
    const left = (this.#counts.get(key) ?? 0) - 1
    if (left > 0) this.#counts.set(key, left)
    else this.#counts.delete(key)
  }

  #end(waiter: Waiter, changed: boolean): void {
    this.#waiters.delete(waiter)
    waiter.end(changed)
    if (this.#waiters.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #look(): Promise<void> {
    const now = performance.now()
    for (const waiter of this.#waiters) if (waiter.until <= now) this.#end(waiter, false)
    if (this.#isLooking || this.#waiters.size === 0) return
    this.#isLooking = true
    try {
      const hashes = [...new Set(Array.from(this.#waiters, ({ pollHash }) => pollHash))]
      const states = await this.#storage.findPolledStates(hashes)
      for (const waiter of this.#waiters)
        if (hasChanged(waiter.seen, states.get(waiter.pollHash) ?? waiter.seen)) this.#end(waiter, true)
    } catch (error) {
      this.#onError(error)
    } finally {
      this.#isLooking = false
    }
  }
}

function hasChanged(before: PolledState, now: PolledState): boolean {
  return before.status !== now.status || before.isOpened !== now.isOpened
}
