import type Database from 'better-sqlite3'
import { version1 } from './version-1.js'
import { version2 } from './version-2.js'

/**
 * The schema of a SQLite file, step by step. A step is never changed once released; it sets `user_version` to its own
 * place in the list, and leaves a schema that the version before can still use.
 */
export const migrations: readonly ((database: Database.Database) => void)[] = [
  (database) => database.exec(version1),
  (database) => database.exec(version2),
]
