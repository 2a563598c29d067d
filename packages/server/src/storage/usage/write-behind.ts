import { joined, noUsage, type Usage } from './usage.js'

/** How many uses wait at most; where one more comes, they are written. */
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

  async function writeAll(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const taken = [...waiting]
    waiting.clear()
    count = 0
    for (const [index, [at, usage]] of taken.entries()) {
      try {
        await write(at, usage)
      } catch (error) {
        for (const [time, unwritten] of taken.slice(index)) waiting.set(time, joined(unwritten, waiting.get(time)))
        throw error
      }
    }
  }

  function flush(): Promise<void> {
    const done = writing.then(writeAll)
    writing = done.catch(() => undefined)
    return done
  }

  return {
    async note(at, note) {
      const usage = waiting.get(at) ?? noUsage()
      waiting.set(at, usage)
      note(usage)
      count += 1
      if (delay === 0 || count >= most) return flush().catch(onError)
      timer ??= setTimeout(() => void flush().catch(onError), delay * 1000).unref()
    },
    flush,
  }
}
