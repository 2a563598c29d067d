import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs'
import type { Storage, StorageOptions } from '../api/storage.js'
import { codeOf, StorageError } from '../api/storage-error.js'
import { sqlStorage } from '../sql-storage.js'
import { openDatabase } from './open-database.js'
import { sqliteEngine } from './sqlite-engine.js'

/**
 * Opens storage in one SQLite file, for one machine; several processes may share the file. Users' decisions, and everything issued for
 * them, are on disk before they are acknowledged (WAL, `synchronous=FULL`). Counters, nonces and bindings to browsers survive the end of
 * the process (`synchronous=NORMAL`). The file is created so that only its owner can access it, and its schema is brought up to date.
 *
 * @param path the file; its folder must exist
 * @throws {StorageError} `unavailable` if the file cannot be opened; `not_writable`, `schema_newer` or `not_ours`, with instructions, if it
 * cannot be used
 *
 * @example const storage = sqliteStorage('auth.db')
 */
export function sqliteStorage(path: string, options: StorageOptions = {}): Storage {
  return sqlStorage(sqliteEngine(path, options.now), options)
}

/**
 * Copies a SQLite file to a new file that only this user can read. Servers may keep writing to the original; the copy shows the original's
 * state at a single moment, with its schema version. The copy is on disk when this returns.
 *
 * @throws {StorageError} `not_writable` if the copy cannot be made, and everything that {@link openDatabase} throws
 */
export function copyDatabase(path: string, to: string): void {
  const file = createPrivately(to)
  try {
    const database = openDatabase(path, { upgrade: false })
    try {
      database.prepare('vacuum into ?').run(to)
    } finally {
      database.close()
    }
    fsyncSync(file)
  } catch (error) {
    rmSync(to)
    if (error instanceof StorageError) throw error
    throw notWritten(to, error)
  } finally {
    closeSync(file)
  }
}

function createPrivately(to: string): number {
  try {
    return openSync(to, 'wx', 0o600)
  } catch (cause) {
    throw codeOf(cause) === 'EEXIST'
      ? new StorageError('not_writable', `${to} already exists: use a new file name.`, { cause })
      : notWritten(to, cause)
  }
}

function notWritten(to: string, cause: unknown): StorageError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new StorageError('not_writable', `The database could not be copied to ${to}: ${why}.`, { cause })
}
