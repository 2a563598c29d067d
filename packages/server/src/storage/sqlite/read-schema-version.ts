import Database from 'better-sqlite3'
import { StorageError } from '../api/storage-error.js'
import { migrations } from './migrations.js'

/** The version of a schema. */
export interface SchemaVersion {
  found: number
  /** What this program makes of it when it opens it. */
  newest: number
}

/**
 * Reads the version of a SQLite file's schema, and changes nothing: opening it brings it up to date.
 *
 * @throws {StorageError} `unavailable` when it cannot be read, or is no SQLite file
 */
export function readSchemaVersion(path: string): SchemaVersion {
  try {
    const database = new Database(path, { readonly: true, fileMustExist: true })
    try {
      return { found: Number(database.pragma('user_version', { simple: true })), newest: migrations.length }
    } finally {
      database.close()
    }
  } catch (cause) {
    throw new StorageError('unavailable', 'the database could not be read', { cause })
  }
}
