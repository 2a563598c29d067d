import { Worker } from 'node:worker_threads'
import { type CopiedLog, createLookTimes } from './look-times.js'

/** Copies the log of a SQLite file into it, beside what goes on. */
export interface LogCopier {
  /** To be told of each commit, after it. */
  committed(): void
  close(): Promise<void>
}

/**
 * What was written lies in the log, and has to be copied into the file at times. That takes long, and is done in a thread of
 * its own, which looks at the log after so many commits. Where it fails, SQLite copies the log in a commit, a good deal later.
 *
 * @param options.copy copies what it can at once: what was written meanwhile, so that the log is begun anew
 * @param options.most pages of the log at which SQLite copies it in a commit
 */
export function createLogCopier(
  path: string,
  { copy, most }: { copy: () => CopiedLog | undefined; most: number },
): LogCopier {
  const times = createLookTimes(most)
  let worker: Worker | undefined
  let isOver = false
  let isLooking = false
  let hasRest = false
  let count = 0

  function start(): Worker {
    const workerData: CopiedFile = { path }
    const started = new Worker(new URL('copy-log.js', import.meta.url), { workerData, execArgv: [] })
    started.on('message', (copied: CopiedLog | undefined) => {
      isLooking = false
      if (!copied) return
      hasRest = true
      times.looked(copied)
    })
    started.on('error', () => {
      isOver = true
    })
    started.unref()
    return started
  }

  return {
    committed() {
      count += 1
      if (hasRest) {
        hasRest = false
        const copied = copy()
        if (copied && copied.log === copied.checkpointed) times.emptied()
      }
      if (count < times.commits || isLooking || isOver) return
      count = 0
      isLooking = true
      worker ??= start()
      worker.postMessage('look')
    },
    async close() {
      isOver = true
      await worker?.terminate()
    },
  }
}

/** What the thread is given. */
export interface CopiedFile {
  path: string
}
