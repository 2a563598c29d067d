import { setTimeout as wait } from 'node:timers/promises'
import Database from 'better-sqlite3'
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely'

/** Milliseconds that a statement waits for another writer: short enough to answer within two seconds. */
const patience = 1500

const maxStatements = 400

/** What is executed of a query. */
export type Executed = Pick<CompiledQuery, 'sql' | 'parameters'>

interface Prepared {
  statement: Database.Statement<unknown[]>
  hasRows: boolean
}

/** A connection to a SQLite file, which remembers its statements. */
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
   * Waits for other writers without stopping the process, as SQLite's own busy timeout would: the writer waited for may
   * be another connection of this very process. Inside a transaction nothing is repeated.
   *
   * @param since when somebody began to wait for it, by `performance.now()`
   */
  async executeQuery<R>(query: Executed, since?: number): Promise<QueryResult<R>> {
    let deadline = since === undefined ? undefined : since + patience
    for (;;) {
      try {
        return this.execute<R>(query)
      } catch (error) {
        deadline ??= performance.now() + patience
        if (!isBusy(error) || this.isInTransaction || performance.now() > deadline) throw error
        await wait(1 + Math.random() * 7)
      }
    }
  }

  /** The same without waiting. */
  execute<R>({ sql, parameters }: Executed): QueryResult<R> {
    const { statement, hasRows } = this.#prepared(sql)
    if (hasRows) return { rows: statement.all(parameters) as R[] }
    const { changes, lastInsertRowid } = statement.run(parameters)
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
  }

  streamQuery(): never {
    throw new TypeError('rows are not streamed')
  }

  #prepared(sql: string): Prepared {
    const known = this.#statements.get(sql)
    if (known) return known
    if (this.#statements.size >= maxStatements) this.#statements.clear()
    const statement = this.#database.prepare<unknown[]>(sql)
    const prepared = { statement, hasRows: statement.reader }
    this.#statements.set(sql, prepared)
    return prepared
  }
}

/** Whether SQLite gave up because another connection is writing. Nothing has happened then. */
export function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')
}
