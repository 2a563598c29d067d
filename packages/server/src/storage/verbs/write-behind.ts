import { joined, noUsage, partsOf, type Usage } from '../rows/grant-lists.js'

/** Number of buffered uses that triggers a write. A caller that adds as many again during that write waits for it to finish. */
const most = 500

/** A buffer for uses, many of which are written at a time. */
export interface WriteBehind {
  /** Records a use. Resolves at once or, if uses are written without delay, after a write has been attempted. */
  note(at: number, note: (usage: Usage) => void): Promise<void>
  /** Writes the buffered uses. Rejects if they cannot be written now; they are then retried with the next write. */
  flush(): Promise<void>
}

/**
 * @param delay number of seconds for which a use is buffered; 0 disables buffering
 * @param onError called if uses were not written in time; they stay buffered
 */
export function createWriteBehind(
  write: (at: number, usage: Usage) => Promise<void>,
  { delay, onError }: { delay: number; onError: (error: unknown) => void },
): WriteBehind {
  const waiting = new Map<number, Usage>()
  let count = 0
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()
  let flushes = 0

  async function writeAll(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const taken = Array.from(waiting, ([at, usage]) => partsOf(usage).map((part) => ({ at, part }))).flat()
    waiting.clear()
    count = 0
    for (const [index, { at, part }] of taken.entries()) {
      try {
        await write(at, part)
      } catch (error) {
        for (const { at, part } of taken.slice(index)) waiting.set(at, joined([waiting.get(at) ?? noUsage(), part]))
        throw error
      }
    }
  }

  function flush(): Promise<void> {
    flushes += 1
    const done = writing.then(writeAll).finally(() => {
      flushes -= 1
    })
    writing = done.catch(() => undefined)
    return done
  }

  return {
    async note(at, note) {
      const usage = waiting.get(at) ?? noUsage()
      waiting.set(at, usage)
      note(usage)
      count += 1
      const isFull = count >= most
      if (delay === 0 || (isFull && flushes > 0)) return flush().catch(onError)
      if (isFull) void flush().catch(onError)
      else timer ??= setTimeout(() => void flush().catch(onError), delay * 1000).unref()
    },
    flush,
  }
}
