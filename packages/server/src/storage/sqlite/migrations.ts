import Database from 'better-sqlite3'
import { StorageError } from '../api/storage-error.js'
import { version1 } from './version-1.js'

/**
 * The schema of a SQLite file, step by step. A step is never changed once released; it sets `user_version` to its own
 * place in the list, and leaves a schema that the version before can still use.
 */
export const migrations: readonly ((database: Database.Database) => void)[] = [
  (database) => database.exec(version1),
  (database) => database.exec(version2),
]

/** Credential revisions, the age of passwords, the accounts that were signed in in a browser, and the request of a sign-in. */
export const version2 = `
  alter table app_user add column credential_revision integer not null default 0;
  alter table credential add column added_at integer not null default 0;
  alter table session add column proved_for blob check (length(proved_for) = 32);
  create index known_device_browser on known_device (browser_hash, user_id);

  pragma user_version = 2;
`

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
