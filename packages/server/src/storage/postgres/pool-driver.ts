import type { Writable } from 'node:stream'
import { CompiledQuery, type DatabaseConnection, type Driver, type QueryResult } from 'kysely'
import type { Pool, PoolClient } from 'pg'
import { EngineDriver } from '../sql/connection-driver.js'
import { DatabaseFailure, isStalePlan } from './database-failure.js'
import { type Answer, areValues, executePrepared } from './prepared-query.js'

/** Maximum number of named statements that every connection keeps prepared. */
const maxNames = 500

/** Provides kysely with connections from a pool. A connection is reused after a failed statement, but not after any other failure. */
export class PoolDriver extends EngineDriver implements Driver {
  readonly #pool: Pool
  readonly #names = new Map<string, string>()
  #generation = 0

  constructor(pool: Pool) {
    super()
    this.#pool = pool
  }

  async init(): Promise<void> {
    // The pool opens connections on demand.
  }

  async acquireConnection(): Promise<PoolConnection> {
    try {
      return new PoolConnection(await this.#pool.connect(), this)
    } catch (error) {
      throw new DatabaseFailure(error)
    }
  }

  /** Runs work in a transaction, which is rolled back if the work rejects. */
  async transaction<T>(work: (connection: PoolConnection) => Promise<T>): Promise<T> {
    const connection = await this.acquireConnection()
    try {
      connection.begin()
      const outcome = await work(connection)
      await connection.commit()
      return outcome
    } catch (error) {
      // If the connection does not respond, the database rolls back when the connection is closed.
      if (!connection.isBroken) await connection.executeQuery(CompiledQuery.raw('rollback'))
      throw error
    } finally {
      connection.release()
    }
  }

  /** Executes a query on any connection of the pool. */
  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const connection = await this.acquireConnection()
    try {
      return await connection.executeQuery<R>(query)
    } finally {
      connection.release()
    }
  }

  async releaseConnection(connection: PoolConnection): Promise<void> {
    connection.release()
  }

  async destroy(): Promise<void> {
    // The code that opened the pool closes it, because kysely never destroys a driver that was not used.
  }

  nameOf(sql: string): string | undefined {
    const known = this.#names.get(sql)
    if (known !== undefined || this.#names.size >= maxNames) return known
    const name = `countersign-${this.#generation}-${this.#names.size}`
    this.#names.set(sql, name)
    return name
  }

  /** Makes every connection prepare its statements again, under new names, because the statements' result columns have changed. */
  forgetPlans(): void {
    this.#names.clear()
    this.#generation += 1
  }
}

/** The names of prepared statements. */
interface Plans {
  nameOf(sql: string): string | undefined
  forgetPlans(): void
}

export class PoolConnection implements DatabaseConnection {
  readonly #client: PoolClient
  readonly #plans: Plans
  #begins = false
  #isGathering = false
  isBroken = false

  constructor(client: PoolClient, plans: Plans) {
    this.#client = client
    this.#plans = plans
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { command, rowCount, rows } = await this.#answered(query)
    const answered = { rows: rows as R[] }
    return changes.has(command) ? { ...answered, numAffectedRows: BigInt(rowCount ?? 0) } : answered
  }

  /** Executes a query and returns the result of its last statement. */
  async #answered(query: CompiledQuery): Promise<Answer> {
    try {
      const answers = await this.#send(query)
      return Array.isArray(answers) ? (answers.at(-1) ?? nothing) : answers
    } catch (cause) {
      const failure = new DatabaseFailure(cause)
      if (failure.state === undefined || failure.state.startsWith('57P')) this.isBroken = true
      if (isStalePlan(failure)) this.#plans.forgetPlans()
      throw failure
    }
  }

  /** Begins a transaction together with the next statement. */
  begin(): void {
    this.#begins = true
  }

  /**
   * @throws DatabaseFailure if a statement failed earlier: at the commit, PostgreSQL then rolls back the transaction without reporting an
   * error
   */
  async commit(): Promise<void> {
    const { command } = await this.#answered(CompiledQuery.raw('commit'))
    if (command !== 'COMMIT') throw new DatabaseFailure('a statement failed, and the transaction was rolled back')
  }

  streamQuery(): never {
    throw new TypeError('streaming rows is not supported')
  }

  release(): void {
    this.#client.release(this.isBroken)
  }

  /** Sends all statements from one turn of the event loop in a single write, because a write costs more than its content. */
  #gather(): void {
    if (this.#isGathering) return
    this.#isGathering = true
    const { stream } = (this.#client as Wired).connection
    stream.cork()
    process.nextTick(() => {
      this.#isGathering = false
      stream.uncork()
    })
  }

  /** Without parameters, the query may contain several statements. Such a query cannot be prepared. */
  async #send({ sql, parameters }: CompiledQuery): Promise<Answer | Answer[]> {
    const begins = this.#begins
    this.#begins = false
    this.#gather()
    if (parameters.length === 0) return this.#client.query(begins ? `begin; ${sql}` : sql)
    if (begins) await this.#client.query('begin')
    const name = this.#plans.nameOf(sql)
    const values = parameters.map(storable)
    // Other values are sent without the name: `pg` does not know the statements that were prepared here, and would prepare them again.
    return name !== undefined && areValues(values)
      ? executePrepared(this.#client, { name, text: sql, values })
      : this.#client.query({ text: sql, values })
  }
}

/** Members that `pg`'s types omit. */
type Wired = PoolClient & { readonly connection: { readonly stream: Writable } }

const changes = new Set(['INSERT', 'UPDATE', 'DELETE'])

const nothing: Answer = { command: '', rowCount: null, rows: [] }

/** PostgreSQL text can contain any character except NUL. */
function storable(value: unknown): unknown {
  return typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\u{FFFD}') : value
}
