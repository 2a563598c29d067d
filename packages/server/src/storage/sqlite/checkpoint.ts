import { closeSync, openSync, readSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type Database from 'better-sqlite3'

/** Copies the log of a SQLite file into it, beside what goes on. */
interface LogCopier {
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

/** Copies of the log into the file what nobody reads as it was before; undefined: it cannot now, on a full disk for example. */
export function copyOf(database: Database.Database): CopiedLog | undefined {
  try {
    const [copied] = database.pragma('wal_checkpoint(PASSIVE)') as Omit<CopiedLog, 'round'>[]
    return copied && { ...copied, round: roundOf(`${database.name}-wal`) }
  } catch {
    return undefined
  }
}

/** Where the head of a log has the number of times that it was begun anew (SQLite's file format, §4.1). */
const round = { at: 12, length: 4 }

function roundOf(log: string): number {
  const file = openSync(log, 'r')
  try {
    const bytes = Buffer.alloc(round.length)
    readSync(file, bytes, 0, round.length, round.at)
    return bytes.readUInt32BE()
  } finally {
    closeSync(file)
  }
}

/** What somebody saw of the log who copied of it what was there. */
interface CopiedLog {
  /** Pages in the log, and those of them that are in the file now. */
  log: number
  checkpointed: number
  /** How often the log was begun anew, as its head says. */
  round: number
}

/** How large the log grows before it is copied into the file, in pages: 32 MB, and some eighty consent flows. */
const goal = 8000

/** Commits until the log is looked at for the first time, and between two looks at least and at most. */
const commits = { first: 500, least: 100, most: 10_000 }

/** How much longer it is waited from one look to the next at most: a quiet moment says little of the next one. */
const growth = 4

/** Says after how many commits the log is looked at. */
interface LookTimes {
  readonly commits: number
  /** The thread looked, so many commits after it did so before, and copied what it saw. */
  looked(seen: CopiedLog): void
  /** All of the log was copied: what comes next begins it anew. */
  emptied(): void
}

/** @param most pages of the log at which SQLite copies all of it in a commit, and begins it anew */
export function createLookTimes(most: number): LookTimes {
  let until = commits.first
  let before: { log: number; round: number } | undefined
  let isEmpty = false
  return {
    get commits() {
      return until
    },
    looked({ log, round }) {
      const written = Math.max(pagesSince({ log, round }), 1)
      const fitting = Math.round((goal * until) / written)
      until = Math.min(Math.max(fitting, commits.least), until * growth, commits.most)
      before = { log, round }
      isEmpty = false
    },
    emptied() {
      isEmpty = true
    },
  }

  /** Pages that were written since the last look. Where the log was begun anew unasked, it had come to the most before. */
  function pagesSince({ log, round }: { log: number; round: number }): number {
    if (!before) return log
    const unasked = round - before.round - (isEmpty ? 1 : 0)
    if (unasked > 0) return unasked * most + log
    return round === before.round ? log - before.log : log
  }
}
