/**
 * Storage in a SQLite file, for one machine. Requires `better-sqlite3`.
 *
 * @packageDocumentation
 */

import { codeOf, StorageError } from '../api/storage-error.js'

async function loadSqlite() {
  try {
    await import('better-sqlite3')
  } catch (cause) {
    const isMissing = codeOf(cause) === 'ERR_MODULE_NOT_FOUND'
    if (!isMissing) throw cause
    const what = 'SQLite requires the better-sqlite3 package, which is not installed: npm install better-sqlite3'
    throw new StorageError('misconfigured', what, { cause })
  }
  return {
    ...(await import('./sqlite-engine.js')),
    ...(await import('./sqlite-storage.js')),
    ...(await import('./migrations.js')),
  }
}

const loaded = await loadSqlite()

/** Opens storage in a SQLite file and brings its schema up to date. @throws StorageError for problems that an operator can fix */
export const sqliteStorage: typeof loaded.sqliteStorage = loaded.sqliteStorage
/** Opens only the engine, for copying between databases. */
export const sqliteEngine: typeof loaded.sqliteEngine = loaded.sqliteEngine
/** Copies a file to which servers may be writing. @throws StorageError `not_writable`, and like {@link sqliteStorage} */
export const copyDatabase: typeof loaded.copyDatabase = loaded.copyDatabase
/** Reads a file's schema version without changing it. @throws StorageError `unavailable` if it cannot be read */
export const readSchemaVersion: typeof loaded.readSchemaVersion = loaded.readSchemaVersion
