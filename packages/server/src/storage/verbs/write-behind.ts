import { joined, noUsage, partsOf, type Usage } from '../rows/grant-lists.js'

/** How many uses wait before they are written; while they are, whoever brings as many more waits for that. */
const most = 500

/** Uses that wait to be written, many at once. */
export interface WriteBehind {
  /** Notes what was used; resolves at once, or where uses are written without delay when that has been tried. */
  note(at: number, note: (usage: Usage) => void): Promise<void>
  /** Writes what waits. Rejects where it cannot be written now; it is then tried again with the next. */
  flush(): Promise<void>
}

/**
 * @param delay seconds that a use waits; 0: none waits
 * @param onError told when uses were not written in time; they go on waiting
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
