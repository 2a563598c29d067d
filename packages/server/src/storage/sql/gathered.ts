import { setImmediate, setTimeout } from 'node:timers'

interface Waiting<W, T> {
  wanted: W
  resolve: (outcome: T) => void
  reject: (error: unknown) => void
}

/** Milliseconds that what is asked for waits for what is being done. */
const patience = 100

/**
 * Does together what is asked for in one turn of the event loop, and what is asked for while something is being done, for a
 * moment: where that takes longer, nobody waits for it.
 *
 * @param work gives an outcome for each, in order; where it rejects, all of them do
 * @param options.most how many are done together
 * @param options.atOnce how often work is done at the same time, as long as it does not take long
 */
export function gathered<W, T>(
  work: (all: readonly W[]) => Promise<readonly T[]>,
  { most, atOnce }: { most: number; atOnce: number },
): (wanted: W) => Promise<T> {
  const waiting: Waiting<W, T>[] = []
  let running = 0
  let isDue = false
  let isTimed = false

  function begin(): void {
    while (running < atOnce && waiting.length > 0) void run(waiting.splice(0, most))
    if (waiting.length === 0 || isTimed) return
    isTimed = true
    setTimeout(beginAll, patience)
  }

  function beginAll(): void {
    isTimed = false
    while (waiting.length > 0) void run(waiting.splice(0, most))
  }

  async function run(all: readonly Waiting<W, T>[]): Promise<void> {
    running += 1
    try {
      const outcomes = await work(all.map(({ wanted }) => wanted))
      for (const [index, outcome] of outcomes.entries()) all[index]?.resolve(outcome)
    } catch (error) {
      for (const { reject } of all) reject(error)
    }
    running -= 1
    begin()
  }

  return (wanted) =>
    new Promise((resolve, reject) => {
      waiting.push({ wanted, resolve, reject })
      if (isDue) return
      isDue = true
      setImmediate(() => {
        isDue = false
        begin()
      })
    })
}
