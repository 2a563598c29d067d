import { closeSync, openSync, readSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type Database from 'better-sqlite3'

/** Checkpoints the WAL of a SQLite file in the background. */
interface Checkpointer {
  /** Must be called after each commit. */
  committed(): void
  close(): Promise<void>
}

/**
 * Creates a background checkpointer. Writes go to the WAL, which must be checkpointed into the database file from time to time.
 * Checkpointing is slow, so a worker thread checks the WAL after a number of commits. If the worker fails, SQLite checkpoints the WAL
 * during a commit, at a much larger size.
 *
 * @param options.copy immediately checkpoints what was written in the meantime, so that the WAL restarts from its beginning
 * @param options.most size of the WAL, in pages, at which SQLite checkpoints it during a commit
 */
export function createCheckpointer(
  path: string,
  { copy, most }: { copy: () => CheckpointResult | undefined; most: number },
): Checkpointer {
  const times = createCheckpointSchedule(most)
  let worker: Worker | undefined
  let isOver = false
  let isLooking = false
  let hasRest = false
  let count = 0

  function start(): Worker {
    const workerData: CheckpointWorkerData = { path }
    const started = new Worker(new URL('checkpoint-worker.js', import.meta.url), { workerData, execArgv: [] })
    started.on('message', (copied: CheckpointResult | undefined) => {
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

/** The input of the worker thread. */
export interface CheckpointWorkerData {
  path: string
}

/**
 * Checkpoints the WAL pages whose previous versions no reader needs. Returns undefined if that is not possible now, for example because the
 * disk is full.
 */
export function checkpointWal(database: Database.Database): CheckpointResult | undefined {
  try {
    const [copied] = database.pragma('wal_checkpoint(PASSIVE)') as Omit<CheckpointResult, 'round'>[]
    return copied && { ...copied, round: roundOf(`${database.name}-wal`) }
  } catch {
    return undefined
  }
}

/** Where the WAL header stores how many times the WAL has been restarted (SQLite's file format, §4.1). */
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

/** The state of the WAL as seen by a checkpoint. */
interface CheckpointResult {
  /** The number of pages in the WAL, and how many of them are now in the database file. */
  log: number
  checkpointed: number
  /** How many times the WAL has been restarted, according to its header. */
  round: number
}

/** Target size of the WAL at a checkpoint, in pages: 32 MB, or about eighty consent flows. */
const goal = 8000

/** The number of commits before the WAL is first checked, and the minimum and maximum number of commits between two checks. */
const commits = { first: 500, least: 100, most: 10_000 }

/** Maximum factor by which the interval between two checks grows, because a quiet period says little about the next one. */
const growth = 4

/** Determines after how many commits the WAL is checked. */
interface CheckpointSchedule {
  readonly commits: number
  /** Called when the worker has checked the WAL, `commits` commits after its previous check, and has checkpointed what it saw. */
  looked(seen: CheckpointResult): void
  /** The whole WAL has been checkpointed, and the next write restarts it. */
  emptied(): void
}

/** @param most size of the WAL, in pages, at which SQLite checkpoints all of it during a commit and restarts it */
export function createCheckpointSchedule(most: number): CheckpointSchedule {
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

  /**
   * Returns the number of pages written since the last check. If SQLite has restarted the WAL on its own, the WAL had reached `most` pages
   * by then.
   */
  function pagesSince({ log, round }: { log: number; round: number }): number {
    if (!before) return log
    const unasked = round - before.round - (isEmpty ? 1 : 0)
    if (unasked > 0) return unasked * most + log
    return round === before.round ? log - before.log : log
  }
}
