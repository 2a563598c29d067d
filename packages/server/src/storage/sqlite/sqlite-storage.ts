import type { Storage, StorageOptions } from '../api/storage.js'
import { sqlStorage } from '../sql-storage.js'
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
