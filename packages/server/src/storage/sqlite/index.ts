import { StorageError } from '../api/storage-error.js'

async function loadSqlite() {
  try {
    await import('better-sqlite3')
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND'
    if (!isMissing) throw cause
    const what = 'SQLite needs the package better-sqlite3, which is not installed: npm install better-sqlite3'
    throw new StorageError('misconfigured', what, { cause })
  }
  return {
    ...(await import('./sqlite-storage.js')),
    ...(await import('./sqlite-engine.js')),
    ...(await import('./copy-database.js')),
    ...(await import('./migrations.js')),
  }
}

const loaded = await loadSqlite()

export const sqliteStorage: typeof loaded.sqliteStorage = loaded.sqliteStorage
export const sqliteEngine: typeof loaded.sqliteEngine = loaded.sqliteEngine
export const copyDatabase: typeof loaded.copyDatabase = loaded.copyDatabase
export const readSchemaVersion: typeof loaded.readSchemaVersion = loaded.readSchemaVersion
