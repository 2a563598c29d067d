import { Worker } from 'node:worker_threads'

/** How large the log grows before it is copied into the file, in pages: 32 MB, and some eighty consent flows. */
const goal = 8000

/** Commits until the log is looked at for the first time, and between two looks at least and at most. */
const commits = { first: 500, least: 100, most: 10_000 }

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
 * @param copy copies what it can at once: what was written meanwhile, so that the log is begun anew
 */
export function createLogCopier(path: string, copy: () => CopiedLog | undefined): LogCopier {
  let worker: Worker | undefined
  let isOver = false
  let isLooking = false
  let hasRest = false
  /** Pages of the log that were written before the last look. */
  let known = 0
  let count = 0
  let until = commits.first

  function start(): Worker {
    const workerData: CopiedFile = { path }
    const started = new Worker(new URL('copy-log.js', import.meta.url), { workerData, execArgv: [] })
    started.on('message', (copied: CopiedLog | undefined) => {
      isLooking = false
      if (!copied) return
      const { log } = copied
      hasRest = true
      const written = Math.max(log < known ? log : log - known, 1)
      known = log
      const fitting = Math.round((goal * until) / written)
      until = Math.min(Math.max(fitting, commits.least), commits.most)
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
        if (copied) known = copied.log === copied.checkpointed ? 0 : copied.log
      }
      if (count < until || isLooking || isOver) return
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

/** What it answers each look with, where it can. */
export interface CopiedLog {
  /** Pages in the log, and those of them that are in the file now. */
  log: number
  checkpointed: number
}
