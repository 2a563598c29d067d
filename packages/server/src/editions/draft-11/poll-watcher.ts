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
  /** Aborted if the agent disconnects. */
  signal: AbortSignal
}

/**
 * How a wait ended. A poll is not held any longer if the agent disconnects or polls the same request again, and not at all if too many polls
 * are waiting.
 */
export type WaitOutcome = 'changed' | 'unchanged' | 'not_held'

interface Waiter {
  pollHash: string
  seen: PolledState
  /** Milliseconds on the monotonic clock. */
  until: number
  /** The limits toward which it is counted. */
  keys: readonly string[]
  end: (outcome: WaitOutcome) => void
}

/** Limits on waiting polls per process. Beyond them, polls are not held. */
const most = { all: 2000, agent: 20, network: 1000 } as const

/** How often the requests are looked up, in milliseconds. */
const interval = 250

export interface PollWatcherOptions {
  storage: Pick<PolledRequestStorage, 'findPolledStates'>
  /** Called if the requests cannot be looked up, once until they can be again. The polls go on waiting. */
  onError: (error: unknown) => void
}

/**
 * Holds polls until their requests change, one for each request. All of them share one timer and one lookup, so that a waiting poll holds no
 * connection to the database and needs little memory.
 */
export class PollWatcher {
  readonly #storage: PollWatcherOptions['storage']
  readonly #onError: PollWatcherOptions['onError']
  /** By the hash of the request's URL. */
  readonly #waiters = new Map<string, Waiter>()
  readonly #counts = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #isLooking = false
  #isFailing = false

  constructor({ storage, onError }: PollWatcherOptions) {
    this.#storage = storage
    this.#onError = onError
  }

  /** How many polls are waiting. */
  get size(): number {
    return this.#waiters.size
  }

  /** Waits until the request changes. A poll of the same request that is waiting already is no longer held. */
  async wait({ pollHash, seen, seconds, agent, remoteAddress, signal }: Waiting): Promise<WaitOutcome> {
    const older = this.#waiters.get(pollHash)
    if (older) this.#end(older, 'not_held')
    const counted = [
      ['agent', `agent ${agent}`] as const,
      ...(remoteAddress === undefined ? [] : [['network', `network ${networkOf(remoteAddress, 'site')}`] as const]),
    ]
    const isFull = counted.some(([kind, key]) => (this.#counts.get(key) ?? 0) >= most[kind])
    if (seconds <= 0 || isFull || this.#waiters.size >= most.all || signal.aborted) return 'not_held'
    const keys = counted.map(([, key]) => key)
    for (const key of keys) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    let leave: (() => void) | undefined
    try {
      return await new Promise<WaitOutcome>((end) => {
        const waiter = { pollHash, seen, until: performance.now() + seconds * 1000, keys, end }
        leave = () => this.#end(waiter, 'not_held')
        signal.addEventListener('abort', leave)
        this.#waiters.set(pollHash, waiter)
        this.#timer ??= setInterval(() => void this.#look(), interval).unref()
      })
    } finally {
      if (leave) signal.removeEventListener('abort', leave)
    }
  }

  /** Ends all waits, as if nothing had changed. */
  close(): void {
    for (const waiter of this.#waiters.values()) this.#end(waiter, 'unchanged')
  }

  #release(key: string): void {
    const left = (this.#counts.get(key) ?? 0) - 1
    if (left > 0) this.#counts.set(key, left)
    else this.#counts.delete(key)
  }

  #end(waiter: Waiter, outcome: WaitOutcome): void {
    if (this.#waiters.get(waiter.pollHash) !== waiter) return
    this.#waiters.delete(waiter.pollHash)
    for (const key of waiter.keys) this.#release(key)
    waiter.end(outcome)
    if (this.#waiters.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #look(): Promise<void> {
    const now = performance.now()
    for (const waiter of this.#waiters.values()) if (waiter.until <= now) this.#end(waiter, 'unchanged')
    if (this.#isLooking || this.#waiters.size === 0) return
    this.#isLooking = true
    try {
      const states = await this.#storage.findPolledStates([...this.#waiters.keys()])
      for (const waiter of this.#waiters.values())
        if (hasChanged(waiter.seen, states.get(waiter.pollHash) ?? waiter.seen)) this.#end(waiter, 'changed')
      this.#isFailing = false
    } catch (error) {
      if (!this.#isFailing) this.#onError(error)
      this.#isFailing = true
    } finally {
      this.#isLooking = false
    }
  }
}

function hasChanged(before: PolledState, now: PolledState): boolean {
  return before.status !== now.status || before.isOpened !== now.isOpened
}
