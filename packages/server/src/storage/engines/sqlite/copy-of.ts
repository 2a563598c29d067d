import type Database from 'better-sqlite3'
import type { CopiedLog } from './log-copier.js'

/** Copies of the log into the file what nobody reads as it was before; undefined: it cannot now, on a full disk for example. */
export function copyOf(database: Database.Database): CopiedLog | undefined {
  try {
    const [copied] = database.pragma('wal_checkpoint(PASSIVE)') as CopiedLog[]
    return copied
  } catch {
    return undefined
  }
}
