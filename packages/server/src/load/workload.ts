import { setImmediate } from 'node:timers'

/** What a server has to do at this moment: how many requests it works on, without those that wait for somebody else. */
export interface Workload {
  /** Whether nothing new should begin: what was begun before needs the room. */
  readonly isHalfFull: boolean
  /** Whether nothing should be worked on besides what is. */
  readonly isFull: boolean
  /**
   * Works on a request when its turn comes. A few begin in a turn of the event loop: most take what they need of the process
   * at one go, and who comes meanwhile would otherwise not be heard, nor refused, before all of them are done. It counts from
   * the moment of the call.
   *
   * @param first is done at once; what it gives is the outcome, without its turn, unless that is undefined
   */
  run<T>(work: () => Promise<T>, first?: () => Promise<T | undefined>): Promise<T>
  /**
   * The same object. Until the promise of one of its methods is settled, a request waits for it and is not worked on: a
   * document that is fetched, a password whose turn comes.
   */
  aside<T extends object>(awaited: T): T
}

/**
 * How many begin in a turn of the event loop. With one, a flood of refusals would make each turn so long that hardly
 * anything began.
 */
const together = 8

/** @param most how many requests are worked on, or wait for their turn, at once */
export function createWorkload(most: number): Workload {
  let running = 0
  let waiting = 0
  let isTaken = false
  const queue: (() => void)[] = []

  function passTurn(): void {
    isTaken = queue.length > 0
    if (!isTaken) return
    setImmediate(passTurn)
    for (const begin of queue.splice(0, together)) begin()
  }

  async function takeTurn(): Promise<void> {
    if (isTaken) return new Promise((resolve) => queue.push(resolve))
    isTaken = true
    setImmediate(passTurn)
  }

  async function count<T>(promise: Promise<T>): Promise<T> {
    waiting++
    try {
      return await promise
    } finally {
      waiting--
    }
  }

  return {
    get isHalfFull() {
      return running - waiting >= most / 2
    },
    get isFull() {
      return running - waiting >= most
    },
    async run(work, first) {
      running++
      try {
        const outcome = first && (await first())
        if (outcome !== undefined) return outcome
        await takeTurn()
        return await work()
      } finally {
        running--
      }
    },
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
