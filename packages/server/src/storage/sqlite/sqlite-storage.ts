import type { Storage, StorageOptions } from '../api/storage.js'
import { sqlStorage } from '../sql-storage.js'
import { sqliteEngine } from './sqlite-engine.js'

/**
 * Storage in one SQLite file, for one machine; several processes may share the file. What a person
 * decided, and what was given for it, has reached the disk when it is answered (WAL, `synchronous=FULL`); counters, nonces and
 * bindings to browsers outlive the end of the process (`synchronous=NORMAL`). The file is created for its owner only, its
 * schema brought up to date.
 *
 * @param path the file; its folder must exist
 * @throws {StorageError} `unavailable` when the file cannot be opened; `not_writable`, `schema_newer` or `not_ours`, with what
 * to do, when it cannot be used
 *
 * @example
 * const storage = sqliteStorage('auth.db')
 */
export function sqliteStorage(path: string, options: StorageOptions = {}): Storage {
  return sqlStorage(sqliteEngine(path, options.now), options)
}
