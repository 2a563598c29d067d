import { StorageError } from '../api/storage-error.js'

export type { PostgresOptions } from './postgres-storage.js'

async function loadPostgres() {
  try {
    await import('pg')
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND'
    if (!isMissing) throw cause
    const what = 'PostgreSQL needs the package pg, which is not installed: npm install pg@8'
    throw new StorageError('misconfigured', what, { cause })
  }
  return import('./postgres-storage.js')
}

const loaded = await loadPostgres()

export const postgresStorage: typeof loaded.postgresStorage = loaded.postgresStorage
export const openPostgres: typeof loaded.openPostgres = loaded.openPostgres
export const migratePostgres: typeof loaded.migratePostgres = loaded.migratePostgres
export const readSchemaVersion: typeof loaded.readSchemaVersion = loaded.readSchemaVersion
