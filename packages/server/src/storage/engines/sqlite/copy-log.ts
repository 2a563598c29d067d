import { parentPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'
import type { CopiedLog } from './log-copier.js'

// The thread of createLogCopier.

const { path } = workerData as CopiedLog
const database = new Database(path, { fileMustExist: true, timeout: 0 })

/** How often the log is copied at one look: SQLite begins it anew only where nothing was written meanwhile. */
const rounds = 2

let before = 0

parentPort?.on('message', () => parentPort?.postMessage(copyLog()))

/** Pages written since the log was copied last. */
function copyLog(): number {
  const first = copied()
  const written = first.log < before ? first.log : first.log - before
  let last = first
  for (let round = 1; round < rounds && last.log !== last.checkpointed; round++) last = copied()
  before = last.log
  return written
}

interface Copied {
  /** Pages in the log, and those of them that are in the file now. */
  log: number
  checkpointed: number
}

function copied(): Copied {
  const [result] = database.pragma('wal_checkpoint(PASSIVE)') as Copied[]
  return result ?? { log: 0, checkpointed: 0 }
}
