import type Database from 'better-sqlite3'
import type { CopiedLog } from './log-copier.js'

/** Copies of the log into the file what nobody reads as it was before. */
export function copyOf(database: Database.Database): CopiedLog {
  const [copied = { log: 0, checkpointed: 0 }] = database.pragma('wal_checkpoint(PASSIVE)') as CopiedLog[]
  return copied
}
