import { setImmediate as nextTick } from 'node:timers/promises'

/** Milliseconds of one turn after the other, after which what else the process does comes first. */
const longest = 5

/** Runs work when all before it has ended, whatever became of that. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>

/** Work that waits for nothing outside the process would keep it from all else as long as more of it comes. */
export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  let unended = 0
  let since: number | undefined

  async function take<T>(before: Promise<unknown>, work: () => Promise<T>): Promise<T> {
    await before
    since ??= performance.now()
    if (performance.now() - since > longest) {
      await nextTick()
      since = performance.now()
    }
    return work()
  }

  function end(): void {
    unended -= 1
    if (unended === 0) since = undefined
  }

  return function inTurn(work) {
    unended += 1
    const done = take(last, work)
    last = done.then(end, end)
    return done
  }
}
