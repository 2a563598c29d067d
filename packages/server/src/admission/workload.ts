import { setImmediate } from 'node:timers'
import { FairQueue, type FairQueueEntry } from '../lib/fair-queue.js'

/** The cost class of a request. `light` requests need neither the database nor a key, and are served even when either is slow. */
export type Weight = 'light' | 'heavy'

export interface Work<T> {
  weight: Weight
  /** Describes the request's place in the queue. Called only if the request has to wait. */
  entry: () => FairQueueEntry | Promise<FairQueueEntry>
  run: () => Promise<T>
}

/** Admission control: the requests being processed and those waiting for a slot. */
export interface Workload {
  /** Runs the work as soon as a slot is free. Resolves to undefined if the request was displaced from the queue and did not run. */
  admit<T>(work: Work<T>): Promise<T | undefined>
  /**
   * Wraps an object so that, until a promise returned by one of its methods settles, the waiting request holds no slot, for example while a
   * document is fetched or a password waits for its turn.
   */
  aside<T extends object>(awaited: T): T
  /** Lets a request hold no slot until it goes on, however many others do so. Their number must be limited elsewhere. */
  idle<T>(wait: Promise<T>): Promise<T>
}

/**
 * How many requests start in one turn of the event loop. Most requests use most of their CPU time in one go, and with a large batch,
 * requests arriving in the meantime would be neither admitted nor refused until all of the batch is done. With a batch of one, a flood of
 * refusals would make each turn so long that hardly any request would start.
 */
const together = 8

/** Maximum number of requests that wait for something else, as a multiple of `most`. Any further ones keep their slots. */
const asidePerRequest = 8

/** Maximum number of queued requests from different shares, as a multiple of `most`, while no share has more than one. */
const sharesPerRequest = 4

/** @param most how many requests of each weight can be processed or queued at once, excluding those that wait for something else */
export function createWorkload(most: number): Workload {
  let waiting = 0
  let idling = 0
  const lanes = {
    heavy: new Lane(most, () => Math.min(waiting, asidePerRequest * most) + idling),
    light: new Lane(most, () => 0),
  }

  async function count<T>(promise: Promise<T>): Promise<T> {
    waiting++
    lanes.heavy.schedule()
    try {
      return await promise
    } finally {
      waiting--
    }
  }

  async function idle<T>(wait: Promise<T>): Promise<T> {
    idling++
    lanes.heavy.schedule()
    try {
      return await wait
    } finally {
      idling--
    }
  }

  return {
    idle,
    admit: ({ weight, entry, run }) => lanes[weight].admit(entry, run),
    aside: (awaited) =>
      new Proxy(awaited, {
        get(target, name): unknown {
          const found: unknown = Reflect.get(target, name)
          if (typeof found !== 'function') return found
          return (...args: unknown[]): unknown => {
            const answer: unknown = Reflect.apply(found, target, args)
            return answer instanceof Promise ? count(answer) : answer
          }
        },
      }),
  }
}

/** Tells a waiting request whether it may run. */
type Notify = (mayRun: boolean) => void

/** A number of slots and the queue for them. */
class Lane {
  readonly #most: number
  readonly #slots: number
  readonly #setAside: () => number
  readonly #queue = new FairQueue<Notify>()
  /** Requests that hold a slot and start in the next turn. */
  readonly #next: Notify[] = []
  #running = 0
  #begun = 0
  #isScheduled = false

  constructor(most: number, setAside: () => number) {
    this.#most = most
    this.#slots = Math.ceil(most / 2)
    this.#setAside = setAside
  }

  async admit<T>(entry: () => FairQueueEntry | Promise<FairQueueEntry>, run: () => Promise<T>): Promise<T | undefined> {
    if (!this.#begin() && !(await (this.#beginNext() ?? this.#wait(entry)))) return undefined
    try {
      return await run()
    } finally {
      this.#running--
      this.schedule()
    }
  }

  get #taken(): number {
    return Math.max(0, this.#running - this.#setAside())
  }

  get #hasSlot(): boolean {
    return this.#taken < this.#slots
  }

  /**
   * Takes a slot if no other request is waiting or has started in this turn. Later requests start together in the next turn, so that the
   * storage can serve them in one batch.
   */
  #begin(): boolean {
    if (this.#queue.size > 0 || this.#begun > 0 || !this.#hasSlot) return false
    this.#take()
    return true
  }

  /** Takes a slot for the next turn. Returns undefined if another request is waiting for a slot, or the next turn is full. */
  #beginNext(): Promise<boolean> | undefined {
    if (this.#queue.size > 0 || this.#next.length >= together || !this.#hasSlot) return undefined
    this.#running++
    return new Promise((resolve) => this.#next.push(resolve))
  }

  #take(): void {
    this.#running++
    this.#begun++
    this.#scheduleTurn()
  }

  /** Waits for a slot and takes it. Resolves to false if the request was displaced from the queue. */
  async #wait(describe: () => FairQueueEntry | Promise<FairQueueEntry>): Promise<boolean> {
    const described = describe()
    const entry = described instanceof Promise ? await described : described
    // The slots may have changed while the entry was being resolved.
    if (this.#begin()) return true
    const limits = { capacity: this.#most - this.#taken, most: sharesPerRequest * this.#most }
    return new Promise((resolve) => {
      this.#queue.push(resolve, entry, limits)?.(false)
      this.schedule()
    })
  }

  /** Schedules the queue to be served in the next turn of the event loop, if any request is waiting. */
  schedule(): void {
    if (this.#queue.size > 0) this.#scheduleTurn()
  }

  #scheduleTurn(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#begun = this.#next.length
      for (const notify of this.#next.splice(0)) notify(true)
      if (this.#begun > 0) this.#scheduleTurn()
      while (this.#begun < together && this.#hasSlot) {
        const notify = this.#queue.shift()
        if (!notify) break
        this.#take()
        notify(true)
      }
    })
  }
}
