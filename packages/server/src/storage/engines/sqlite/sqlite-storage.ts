import { sqlStorage } from '../../sql-storage.js'
import type { Storage, StorageOptions } from '../../storage.js'
import { sqliteEngine } from './sqlite-engine.js'

/**
 * Storage in one SQLite file, for one machine; several processes may share the file. A write that was answered has
 * reached the disk (WAL, `synchronous=FULL`). The file is created for its owner only, its schema brought up to date.
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
