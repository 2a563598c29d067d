import Database from 'better-sqlite3'
import { Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import type { SqlEngine } from '../../sql-storage.js'
import { StorageError } from '../../storage.js'
import { systemClock } from '../system-clock.js'
import type { Tables } from '../tables.js'
import { ImmediateDriver } from './immediate-driver.js'
import { openDatabase } from './open-database.js'

/** Opens a SQLite file as an engine. Throws {@link StorageError} when it cannot be opened, or not be used. */
export function sqliteEngine(path: string, now: () => number = systemClock): SqlEngine {
  const database = open(path)
  const db = new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new ImmediateDriver(database),
      createIntrospector: (introspected) => new SqliteIntrospector(introspected),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })
  return {
    db,
    readClock: () => Math.floor(now()),
    isUnavailable: (error) => !database.open || isOutage(error),
    close: async () => {
      await db.destroy()
      database.close()
    },
  }
}

function open(path: string): Database.Database {
  try {
    return openDatabase(path)
  } catch (error) {
    if (error instanceof StorageError) throw error
    throw new StorageError('unavailable', 'the database could not be opened', { cause: error })
  }
}

/** Everything SQLite reports, except that a row breaks a constraint. */
function isOutage(error: unknown): boolean {
  return error instanceof Database.SqliteError && !error.code.startsWith('SQLITE_CONSTRAINT')
}
