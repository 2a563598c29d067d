/**
 * Storage in PostgreSQL 15 or later, for any number of instances. Requires `pg`.
 *
 * @packageDocumentation
 */

import { codeOf, StorageError } from '../api/storage-error.js'

export type { PostgresOptions } from './postgres-storage.js'

async function loadPostgres() {
  try {
    await import('pg')
  } catch (cause) {
    const isMissing = codeOf(cause) === 'ERR_MODULE_NOT_FOUND'
    if (!isMissing) throw cause
    const what = 'PostgreSQL requires the pg package, which is not installed: npm install pg@8'
    throw new StorageError('misconfigured', what, { cause })
  }
  return import('./postgres-storage.js')
}

const loaded = await loadPostgres()

/** Opens storage in a PostgreSQL database and brings its schema up to date. @throws StorageError for problems that an operator can fix */
export const postgresStorage: typeof loaded.postgresStorage = loaded.postgresStorage
/** Opens only the engine, for copying between databases. */
export const openPostgres: typeof loaded.openPostgres = loaded.openPostgres
/** Brings a database's schema up to date, as the role that owns it. @throws StorageError like {@link postgresStorage} */
export const migratePostgres: typeof loaded.migratePostgres = loaded.migratePostgres
/** Reads a database's schema version without changing it. @throws StorageError if it cannot be read */
export const readSchemaVersion: typeof loaded.readSchemaVersion = loaded.readSchemaVersion
