import { closeSync, openSync } from 'node:fs'
import Database from 'better-sqlite3'
import { isBusy } from './is-busy.js'
import { migrations } from './migrations.js'

/** Milliseconds to wait while other processes open the same file. */
const patience = 5000
const memory = ':memory:'

/** Opens a SQLite file, made readable by its owner only when it is new, and brings its schema up to date. */
export function openDatabase(path: string): Database.Database {
  if (path === memory) return openInMemory()
  createPrivately(path)
  return prepare(new Database(path, { timeout: patience }))
}

let emptySchema: Buffer | undefined

/** A copy of an empty database is opened a hundred times faster than a schema is written. */
function openInMemory(): Database.Database {
  if (!emptySchema) {
    const database = prepare(new Database(memory))
    emptySchema = database.serialize()
    database.close()
  }
  return prepare(new Database(emptySchema))
}

function prepare(database: Database.Database): Database.Database {
  try {
    enableWal(database)
    database.pragma('synchronous = FULL')
    database.pragma('foreign_keys = ON')
    database.pragma('trusted_schema = OFF')
    migrate(database)
    database.pragma('busy_timeout = 0') // from here on a PatientConnection waits
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Only a new file is opened here: closing one that SQLite has open in this process would drop its locks. */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (!existed(error)) throw error
  }
}

/** Switching a file to WAL fails at once while another process does the same; SQLite's own waiting leaves that out. */
function enableWal(database: Database.Database): void {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  const deadline = performance.now() + patience
  for (;;) {
    try {
      database.pragma('journal_mode = WAL')
      return
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error
      Atomics.wait(pause, 0, 0, 10)
    }
  }
}

function migrate(database: Database.Database): void {
  const version = () => Number(database.pragma('user_version', { simple: true }))
  if (version() >= migrations.length) return
  const applyMissing = database.transaction(() => {
    for (const migrate of migrations.slice(version())) migrate(database)
  })
  applyMissing.exclusive()
}

function existed(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST'
}
