import { setImmediate } from 'node:timers'
import { FairQueue, type FairQueueEntry } from './fair-queue.js'

/** What a request takes: `light` for what needs neither the database nor a key, which is served even when those are slow. */
export type Weight = 'light' | 'heavy'

export interface Work<T> {
  weight: Weight
  /** Describes where the request waits. Called only when it must. */
  entry: () => FairQueueEntry | Promise<FairQueueEntry>
  run: () => Promise<T>
}

/** The requests that a server works on, and those that wait for that. */
export interface Workload {
  /** Runs the work as soon as there is a slot. Resolves to undefined if it lost its place in the queue, and did not run. */
  admit<T>(work: Work<T>): Promise<T | undefined>
  /**
   * The same object. Until the promise of one of its methods settles, the request that waits for it holds no slot: a document
   * that is fetched, a password whose turn comes.
   */
  aside<T extends object>(awaited: T): T
}

/**
 * How many requests begin in a turn of the event loop. Most take what they need of the process at one go, and what arrives in
 * the meantime would otherwise be neither accepted nor refused before all of them are done. With one, a flood of refusals
 * would make each turn so long that hardly anything began.
 */
const together = 8

/** Requests that wait for something else, as a multiple of the others; beyond, they keep their slots. */
const asidePerRequest = 8

/** Requests of as many shares may wait, as a multiple of the others, while none has more than one. */
const sharesPerRequest = 4

/** @param most how many requests of each weight are worked on or wait at once, unless they wait for something else */
export function createWorkload(most: number): Workload {
  let waiting = 0
  const lanes = {
    heavy: new Lane(most, () => Math.min(waiting, asidePerRequest * most)),
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

  return {
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

/** Tells a request that waits whether it may run. */
type Notify = (mayRun: boolean) => void

/** Slots, and the queue for them. */
class Lane {
  readonly #most: number
  readonly #slots: number
  readonly #setAside: () => number
  readonly #queue = new FairQueue<Notify>()
  /** Requests that have a slot and begin in the next turn. */
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
   * Takes a slot if no other request waits or began in this turn. The next ones begin together in the next turn: the storage then
   * answers them in one batch.
   */
  #begin(): boolean {
    if (this.#queue.size > 0 || this.#begun > 0 || !this.#hasSlot) return false
    this.#take()
    return true
  }

  /** Takes a slot for the next turn if no request waits for a slot; undefined if one does, or that turn has enough to begin. */
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

  /** Waits for a slot, and takes it; false if the request lost its place. */
  async #wait(describe: () => FairQueueEntry | Promise<FairQueueEntry>): Promise<boolean> {
    const described = describe()
    const entry = described instanceof Promise ? await described : described
    // The slots may have changed while the entry was read.
    if (this.#begin()) return true
    const limits = { capacity: this.#most - this.#taken, most: sharesPerRequest * this.#most }
    return new Promise((resolve) => {
      this.#queue.push(resolve, entry, limits)?.(false)
      this.schedule()
    })
  }

  /** Has the queue served in the next turn of the event loop, if anything waits. */
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
