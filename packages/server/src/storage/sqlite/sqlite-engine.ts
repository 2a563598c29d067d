import Database from 'better-sqlite3'
import { systemClock } from 'countersign'
import {
  type CompiledQuery,
  type Driver,
  DummyDriver,
  Kysely,
  type LimitNode,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely'
import { StorageError } from '../api/storage-error.js'
import { ConnectionDriver } from '../sql/connection-driver.js'
import type { DeletedEvents, Engine, Form, Lasting, Statement, Unit } from '../sql/engine.js'
import type { Tables } from '../sql/tables.js'
import { checkpointWal, createCheckpointer } from './checkpoint.js'
import { openAgain, openDatabase, walAutocheckpointPages } from './open-database.js'
import { Connection, createWriter, type Writer } from './writer.js'

/**
 * Opens a SQLite file as an engine. Throws {@link StorageError} if it cannot be opened or used.
 *
 * @param now Unix seconds, instead of the system clock, which is read through {@link steadyClock}
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
    ifNotRunningElsewhere: (_name, work) => work(),
    maintainAuditLog: (before) => transaction('process', ({ db }) => deleteEvents(db, before)),
    resetIdSequences: async () => undefined,
    isRetryable,
    isUnavailable: (error) => isClosed || isOutage(error),
    close() {
      isClosed = true
      return connections.close()
    },
  }
}

/**
 * Creates a clock that returns the system time in seconds and stops while the system clock is behind an earlier reading, so that nothing
 * that has expired becomes valid again.
 */
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
  /** Number of seconds by which the machine's clock is behind `at`. */
  behind: number
}

/** Runs queries on a connection. */
type QueryRunner = Pick<Statement, 'db' | 'ask'>

interface Connections {
  /** Sees committed data and never waits for a transaction. An in-memory database has only one connection, however. */
  reader: QueryRunner
  /** A single connection for all writes, because each connection has to reread what another one wrote. */
  writer: QueryRunner & Writer
  /** When a server was last found ready with this file; 0 if this has never happened. */
  writtenAt: number
  close(): Promise<void>
}

function openConnections(path: string): Connections {
  const writing = opened(() => openDatabase(path))
  const reading = opened(() => openAgain(path))
  reading?.pragma('query_only = ON')
  const copier =
    reading && createCheckpointer(path, { copy: () => checkpointWal(writing), most: walAutocheckpointPages })
  const writer = createWriter(writing, { isShared: reading !== undefined, onCommitted: () => copier?.committed() })
  return {
    reader: reading ? queryRunnerOn(new Connection(reading)) : queuedQueryRunner(writer),
    writer: { ...transactionQueryRunner(writer.connection), ...writer },
    writtenAt: writing.prepare<[], number>('select written_at from deployment').pluck().get() ?? 0,
    async close() {
      await writer.close()
      await copier?.close()
      for (const database of [writing, reading]) database?.close()
    },
  }
}

/** For callers that have the connection to themselves, or if nothing is writing on it. */
function queryRunnerOn(connection: Connection): QueryRunner {
  return {
    db: queriesBy(() => new ConnectionDriver(connection)),
    ask: async <R>(query: CompiledQuery<R>) => (await connection.executeQuery<R>(query)).rows,
  }
}

/**
 * For callers in a transaction. If SQLite has rolled the transaction back on its own, for example because of a full disk, the work does not
 * continue.
 */
function transactionQueryRunner(connection: Connection): QueryRunner {
  const { db, ask } = queryRunnerOn(connection)
  return {
    db,
    async ask(query) {
      if (!connection.isInTransaction) throw new StorageError('unavailable', 'the transaction was rolled back')
      return ask(query)
    },
  }
}

/** Runs queries on the connection that is also used for writing. */
function queuedQueryRunner({ connection, inTurn }: Writer): QueryRunner {
  const db = queriesBy(() => new ConnectionDriver(connection, inTurn))
  return { db, ask: async (query) => (await db.executeQuery(query)).rows }
}

/**
 * Writes `limit +?`: for a plain parameter, SQLite plans the statement again each time a value is bound to it, which takes five times as long
 * as reading a grant.
 */
class QueryCompiler extends SqliteQueryCompiler {
  protected override visitLimit({ limit }: LimitNode): void {
    this.append('limit +')
    this.visitNode(limit)
  }
}

function queriesBy(createDriver: () => Driver): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver,
      createIntrospector: (introspected) => new SqliteIntrospector(introspected),
      createQueryCompiler: () => new QueryCompiler(),
    },
  })
}

/** Number of events deleted in one transaction, during which the process does nothing else. */
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

function statementOn({ db, ask }: QueryRunner, { at, behind }: Time): Statement {
  return { db, ask, clock: sql.val(at), at, behind, form, locking }
}

/** A transaction starts as the only writer of the file, so no other writer changes a row or takes a lock until it ends. */
const nothingToLock = async () => undefined

function unitOn({ db, ask }: QueryRunner, { at, behind }: Time): Unit {
  const [exclusive, lockRows] = [nothingToLock, nothingToLock]
  return { db, ask, clock: sql.val(at), at, behind, form, locking, exclusive, lockRows, now: at }
}

/** Transactions wait for each other when they begin, so none of them fails because of another transaction. */
function isRetryable(): boolean {
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

/** Whether SQLite reported an error other than a violated constraint. */
function isOutage(error: unknown): boolean {
  return error instanceof Database.SqliteError && !error.code.startsWith('SQLITE_CONSTRAINT')
}
