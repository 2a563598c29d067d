import Database from 'better-sqlite3'
import { systemClock } from 'countersign'
import {
  type CompiledQuery,
  type Driver,
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely'
import { StorageError } from '../api/storage-error.js'
import { ConnectionDriver } from '../sql/connection-driver.js'
import type { DeletedEvents, Engine, Form, Lasting, Statement, Unit } from '../sql/engine.js'
import type { Tables } from '../sql/tables.js'
import { copyOf, createLogCopier } from './checkpoint.js'
import { logPages, openAgain, openDatabase } from './open-database.js'
import { Connection, createWriter, type Writer } from './writer.js'

/**
 * Opens a SQLite file as an engine. Throws {@link StorageError} when it cannot be opened, or not be used.
 *
 * @param now Unix seconds, in place of the system clock, which counts as {@link steadyClock}
 */
export function sqliteEngine(path: string, now?: () => number): Engine {
  const connections = openConnections(path)
  const { reader, writer } = connections
  const readTime = now ? () => ({ at: Math.floor(now()), behind: 0 }) : steadyClock(connections.writtenAt)
  let isClosed = false

  function transaction<T, F>(
    lasting: Lasting,
    verb: (unit: Unit, given?: F) => Promise<T>,
    first?: (statement: Statement) => Promise<F>,
  ): Promise<T> {
    return writer.write(lasting === 'disk', async () => {
      const unit = unitOn(writer, readTime())
      return first ? verb(unit, await first(unit)) : verb(unit)
    })
  }

  return {
    reading: () => statementOn(reader, readTime()),
    statement: (lasting, verb) => transaction(lasting, verb),
    transaction,
    ifNobodyElse: (_name, work) => work(),
    keepEvents: (before) => transaction('process', ({ db }) => deleteEvents(db, before)),
    continueIds: async () => undefined,
    mayRepeat,
    isUnavailable: (error) => isClosed || isOutage(error),
    close() {
      isClosed = true
      return connections.close()
    },
  }
}

/** The system clock in seconds, which stands still where it is set back: what has ended does not come back to life. */
function steadyClock(from: number): () => Time {
  let latest = from
  return () => {
    const now = Math.floor(systemClock())
    latest = Math.max(latest, now)
    return { at: latest, behind: latest - now }
  }
}

interface Time {
  at: number
  /** Seconds that the clock of the machine is behind that. */
  behind: number
}

/** What asks on a connection. */
type Asker = Pick<Statement, 'db' | 'ask'>

interface Connections {
  /** Sees what was committed, and never waits for a transaction; in memory there is but one connection. */
  reader: Asker
  /** One for all: what another connection writes, each has to read again. */
  writer: Asker & Writer
  /** When a server was last found ready with this file: 0 where none was. */
  writtenAt: number
  close(): Promise<void>
}

function openConnections(path: string): Connections {
  const writing = opened(() => openDatabase(path))
  const reading = opened(() => openAgain(path))
  reading?.pragma('query_only = ON')
  const copier = reading && createLogCopier(path, { copy: () => copyOf(writing), most: logPages })
  const writer = createWriter(writing, { isShared: reading !== undefined, onCommitted: () => copier?.committed() })
  return {
    reader: reading ? askerOn(new Connection(reading)) : askerInTurn(writer),
    writer: { ...askerInTransaction(writer.connection), ...writer },
    writtenAt: writing.prepare<[], number>('select written_at from deployment').pluck().get() ?? 0,
    async close() {
      await writer.close()
      await copier?.close()
      for (const database of [writing, reading]) database?.close()
    },
  }
}

/** For who has the connection, or where nobody writes on it. */
function askerOn(connection: Connection): Asker {
  return {
    db: queriesBy(() => new ConnectionDriver(connection)),
    ask: async <R>(query: CompiledQuery<R>) => (await connection.executeQuery<R>(query)).rows,
  }
}

/** For who is in a transaction. One that SQLite has taken back by itself, on a full disk, is not gone on with. */
function askerInTransaction(connection: Connection): Asker {
  const { db, ask } = askerOn(connection)
  return {
    db,
    async ask(query) {
      if (!connection.isInTransaction) throw new StorageError('unavailable', 'the transaction was taken back')
      return ask(query)
    },
  }
}

/** On the connection that also writes. */
function askerInTurn({ connection, inTurn }: Writer): Asker {
  const db = queriesBy(() => new ConnectionDriver(connection, inTurn))
  return { db, ask: async (query) => (await db.executeQuery(query)).rows }
}

function queriesBy(createDriver: () => Driver): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver,
      createIntrospector: (introspected) => new SqliteIntrospector(introspected),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })
}

/** How many events are deleted in one go, in which the process does nothing else. */
const batch = 200

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

const locking: Unit['locking'] = (query) => query

const form: Form = { parts: { db: queriesBy(() => new DummyDriver()), locking }, clock: (at) => at }

function statementOn({ db, ask }: Asker, { at, behind }: Time): Statement {
  return { db, ask, clock: sql.val(at), at, behind, form, locking }
}

/** A transaction begins as the only writer of the file: nobody changes a row, or takes a lock, until it ends. */
const nothingToLock = async () => undefined

function unitOn({ db, ask }: Asker, { at, behind }: Time): Unit {
  const [exclusive, lockRows] = [nothingToLock, nothingToLock]
  return { db, ask, clock: sql.val(at), at, behind, form, locking, exclusive, lockRows, now: at }
}

/** Transactions wait for each other where they begin, so none fails because of another one. */
function mayRepeat(): boolean {
  return false
}

function opened<T>(open: () => T): T {
  try {
    return open()
  } catch (error) {
    if (error instanceof StorageError) throw error
    throw new StorageError('unavailable', 'the database could not be opened', { cause: error })
  }
}

/** Everything SQLite reports, except that a row breaks a constraint. */
function isOutage(error: unknown): boolean {
  return error instanceof Database.SqliteError && !error.code.startsWith('SQLITE_CONSTRAINT')
}
