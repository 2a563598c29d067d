import Database from 'better-sqlite3'
import { systemClock } from 'countersign/wire'
import { Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler, sql } from 'kysely'
import { StorageError } from '../../storage-error.js'
import type { DeletedEvents, Engine } from '../engine.js'
import type { Tables } from '../tables.js'
import { ImmediateDriver } from './immediate-driver.js'
import { openDatabase } from './open-database.js'

/** Opens a SQLite file as an engine. Throws {@link StorageError} when it cannot be opened, or not be used. */
export function sqliteEngine(path: string, now: () => number = systemClock): Engine {
  const database = open(path)
  const db = new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new ImmediateDriver(database),
      createIntrospector: (introspected) => new SqliteIntrospector(introspected),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })
  const readClock = () => Math.floor(now())
  return {
    statement: () => ({ db, clock: sql.val(readClock()) }),
    transaction: (verb) =>
      db.transaction().execute((transaction) => {
        const at = readClock()
        return verb({ db: transaction, clock: sql.val(at), now: at, ...locks })
      }),
    ifNobodyElse: (_name, work) => work(),
    keepEvents: (before) => db.transaction().execute((transaction) => deleteEvents(transaction, before)),
    mayRepeat,
    isUnavailable: (error) => !database.open || isOutage(error),
    close: async () => {
      await db.destroy()
      database.close()
    },
  }
}

const batch = 5000

async function deleteEvents(db: Kysely<Tables>, before: number): Promise<DeletedEvents> {
  const old = db.selectFrom('audit_event').select('id').where('at', '<=', before).limit(batch)
  const deleted = await db
    .deleteFrom('audit_event')
    .where('id', 'in', old)
    .returning(['agent_id', 'resource_id'])
    .execute()
  return {
    events: deleted.length,
    agentIds: [...new Set(deleted.flatMap((event) => event.agent_id ?? []))],
    resourceIds: [...new Set(deleted.flatMap((event) => event.resource_id ?? []))],
  }
}

/** A transaction begins as the only writer of the file: nobody changes a row, or takes a lock, until it ends. */
const locks = { exclusive: async () => undefined, lockRows: async () => undefined }

/** Transactions wait for each other where they begin, so none fails because of another one. */
function mayRepeat(): boolean {
  return false
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
