import { closeSync, openSync, readSync } from 'node:fs'
import type Database from 'better-sqlite3'
import type { CopiedLog } from './look-times.js'

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
