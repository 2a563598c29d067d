import { setImmediate } from 'node:timers'
import { setTimeout as wait } from 'node:timers/promises'
import Database from 'better-sqlite3'
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely'
import { StorageError } from '../api/storage-error.js'
import { createTurns, type Turns } from '../sql/connection-driver.js'

/** Maximum time, in milliseconds, that finished work waits for other work to join its batch. */
const maxBatchWait = 4

/** Maximum size of a batch. */
const maxBatchSize = 16

const statement = (sql: string): Executed => ({ sql, parameters: [] })
const begin = statement('begin immediate')
const commit = statement('commit')
const rollback = statement('rollback')
const savepoint = statement('savepoint work')
const releaseSavepoint = statement('release work')
const rollbackToSavepoint = statement('rollback to work')
const setDurable = statement('pragma synchronous = FULL')
const setQuick = statement('pragma synchronous = NORMAL')

/** Writes to a SQLite file. */
export interface Writer {
  /** The connection on which the work runs its statements. */
  readonly connection: Connection
  /** Grants exclusive use of the connection, to one caller at a time. */
  readonly inTurn: Turns
  /**
   * Runs work in a transaction and resolves once it is committed. Work that rejects changes nothing.
   *
   * @param isDurable whether the writes must reach the disk before this resolves
   */
  write<T>(isDurable: boolean, work: () => Promise<T>): Promise<T>
  /** Resolves once all work that has started has been written. No more work is accepted. */
  close(): Promise<void>
}

/** A batch of work, committed in one transaction. */
interface Batch {
  isDurable: boolean
  began: number
  count: number
  /** Rejects if the batch could not be written. */
  written: Promise<void>
  settle: (error?: unknown) => void
}

/**
 * Creates a writer that batches the work from successive turns of the event loop. Many callers then share one wait for the disk, and pages
 * that all of them change are written only once.
 *
 * @param options.isShared whether other connections see what this one has committed, and nothing else; if false, each piece of work is
 * committed before its turn ends
 * @param options.onCommitted called after each commit
 */
export function createWriter(
  database: Database.Database,
  { isShared, onCommitted }: { isShared: boolean; onCommitted?: (() => void) | undefined },
): Writer {
  const connection = new Connection(database)
  const inTurn = createTurns()
  let batch: Batch | undefined
  let isSynced = true
  let isClosed = false

  async function beginBatch(isDurable: boolean, since: number): Promise<Batch> {
    // A failed rollback may have left the previous transaction open.
    if (connection.isInTransaction) connection.execute(rollback)
    if (isDurable !== isSynced) {
      // Less durable writes reach the disk together with later durable ones, because they share the WAL.
      connection.execute(isDurable ? setDurable : setQuick)
      isSynced = isDurable
    }
    // Even if many callers are waiting for another process, none of them waits longer because of the callers before it.
    await connection.executeQuery(begin, since)
    let settle: Batch['settle'] = () => undefined
    const written = new Promise<void>((resolve, reject) => {
      settle = (error) => (error === undefined ? resolve() : reject(error))
    })
    // If none of its work succeeded, nothing awaits the batch.
    written.catch(() => undefined)
    return { isDurable, began: performance.now(), count: 0, written, settle }
  }

  /** Returns the batch to which new work is added. */
  async function openBatch(isDurable: boolean, since: number): Promise<Batch> {
    if (batch && (batch.count >= maxBatchSize || (isDurable && !batch.isDurable))) commitBatch(batch)
    if (batch) return batch
    batch = await beginBatch(isDurable, since)
    if (isShared) setImmediate(commitOnceQuiet, batch, 1)
    return batch
  }

  /** Runs work in a batch. If it rejects, only its own changes are rolled back. */
  async function runIn<T>(to: Batch, work: () => Promise<T>): Promise<T> {
    let isSaved = false
    try {
      // If a savepoint name is reused, a rollback goes back to the latest savepoint with that name, and all savepoints end with the
      // transaction.
      if (to.count > 0) connection.execute(savepoint)
      isSaved = to.count > 0
      const outcome = await work()
      to.count += 1
      return outcome
    } catch (error) {
      // After a full disk or an I/O error, SQLite has already rolled back the whole transaction.
      const isUndone =
        isSaved && connection.isInTransaction && connection.attempt(rollbackToSavepoint, releaseSavepoint)
      if (!isUndone) abandonBatch(to, error)
      throw error
    }
  }

  function commitBatch(committed: Batch): void {
    try {
      connection.execute(commit)
    } catch (error) {
      abandonBatch(committed, error)
      return
    }
    closeBatch(committed)
    onCommitted?.()
  }

  /** Rolls a whole batch back. If that fails, the next batch does it. */
  function abandonBatch(abandoned: Batch, error: unknown): void {
    if (connection.isInTransaction) connection.attempt(rollback)
    closeBatch(abandoned, error)
  }

  /** Resolves or rejects the callers whose work is in a batch. The next work starts another one. */
  function closeBatch(closed: Batch, error?: unknown): void {
    batch = undefined
    closed.settle(error)
  }

  /** Commits a batch once a turn of the event loop has brought no more work, or it has waited long enough. */
  function commitOnceQuiet(ending: Batch, before: number): void {
    if (batch !== ending) return
    const { count, began } = ending
    if (count > before && count < maxBatchSize && performance.now() - began < maxBatchWait) {
      setImmediate(commitOnceQuiet, ending, count)
      return
    }
    void inTurn(async () => {
      if (batch === ending) commitBatch(ending)
    })
  }

  return {
    connection,
    inTurn,
    async write(isDurable, work) {
      const since = performance.now()
      const { outcome, written } = await inTurn(async () => {
        if (isClosed) throw new StorageError('unavailable', 'the database was closed')
        const to = await openBatch(isDurable, since)
        const outcome = await runIn(to, work)
        if (!isShared) commitBatch(to)
        return { outcome, written: to.written }
      })
      await written
      return outcome
    },
    close() {
      isClosed = true
      return inTurn(async () => {
        if (batch) commitBatch(batch)
      })
    },
  }
}

/** Number of milliseconds that a statement waits for another writer: short enough to respond within two seconds. */
const busyTimeout = 1500

const maxStatements = 400

/** The parts of a query that are needed to execute it. */
type Executed = Pick<CompiledQuery, 'sql' | 'parameters'>

interface Prepared {
  statement: Database.Statement<unknown[]>
  /** The names of the columns if the statement returns arrays of values, which cost the driver less than objects. */
  columns: readonly string[] | undefined
}

/** A connection to a SQLite file that caches its prepared statements. */
export class Connection implements DatabaseConnection {
  readonly #database: Database.Database
  readonly #statements = new Map<string, Prepared>()

  constructor(database: Database.Database) {
    this.#database = database
  }

  get isInTransaction(): boolean {
    return this.#database.inTransaction
  }

  /**
   * Waits for other writers without blocking the process. SQLite's own busy timeout would block it, even though the other writer may be
   * another connection in this very process. Inside a transaction, nothing is retried.
   *
   * @param since when the caller began to wait, by `performance.now()`
   */
  async executeQuery<R>(query: Executed, since?: number): Promise<QueryResult<R>> {
    let deadline = since === undefined ? undefined : since + busyTimeout
    for (;;) {
      try {
        return this.execute<R>(query)
      } catch (error) {
        deadline ??= performance.now() + busyTimeout
        if (!isBusy(error) || this.isInTransaction || performance.now() > deadline) throw error
        await wait(1 + Math.random() * 7)
      }
    }
  }

  /** Like {@link executeQuery}, but without waiting. */
  execute<R>({ sql, parameters }: Executed): QueryResult<R> {
    const { statement, columns } = this.#prepared(sql)
    if (columns) return { rows: statement.all(parameters).map((values) => toRow(columns, values as unknown[])) as R[] }
    if (statement.reader) return { rows: statement.all(parameters) as R[] }
    const { changes, lastInsertRowid } = statement.run(parameters)
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
  }

  /** Executes statements, and returns whether all of them succeeded. */
  attempt(...statements: readonly Executed[]): boolean {
    try {
      for (const each of statements) this.execute(each)
      return true
    } catch {
      return false
    }
  }

  streamQuery(): never {
    throw new TypeError('streaming rows is not supported')
  }

  #prepared(sql: string): Prepared {
    const known = this.#statements.get(sql)
    if (known) return known
    if (this.#statements.size >= maxStatements) this.#statements.clear()
    const statement = this.#database.prepare<unknown[]>(sql)
    // Another process that migrates the database may change which columns a `*` stands for.
    const isFixed = statement.reader && !sql.includes('*')
    const prepared = isFixed
      ? { statement: statement.raw(), columns: statement.columns().map(({ name }) => name) }
      : { statement, columns: undefined }
    this.#statements.set(sql, prepared)
    return prepared
  }
}

function toRow(columns: readonly string[], values: readonly unknown[]): Record<string, unknown> {
  const row: Record<string, unknown> = {}
  for (let index = 0; index < columns.length; index++) row[columns[index] as string] = values[index]
  return row
}

/** Whether SQLite gave up because another connection was writing. In that case, nothing was changed. */
export function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')
}
