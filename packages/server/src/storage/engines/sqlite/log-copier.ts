import { Worker } from 'node:worker_threads'

/** How large the log grows before it is copied into the file, in pages: 48 MB, and more than a hundred consent flows. */
const goal = 12_000

/** Commits until the log is looked at for the first time, and between two looks at least and at most. */
const commits = { first: 500, least: 100, most: 10_000 }

/** Copies the log of a SQLite file into it, beside what goes on. */
export interface LogCopier {
  /** To be told of each commit. */
  committed(): void
  close(): Promise<void>
}

/**
 * What was written lies in the log, and has to be copied into the file at times. That takes long, and is done in a thread of
 * its own, which looks at the log after so many commits. Where it fails, SQLite copies the log in a commit, a good deal later.
 */
export function createLogCopier(path: string): LogCopier {
  let worker: Worker | undefined
  let isOver = false
  let isLooking = false
  let count = 0
  let until = commits.first

  function start(): Worker {
    const workerData: CopiedLog = { path }
    const started = new Worker(new URL('copy-log.js', import.meta.url), { workerData, execArgv: [] })
    started.on('message', (written: number) => {
      isLooking = false
      const fitting = Math.round((goal * until) / Math.max(written, 1))
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

/** What the thread is given; it answers each look with the number of pages written since the one before. */
export interface CopiedLog {
  path: string
}
