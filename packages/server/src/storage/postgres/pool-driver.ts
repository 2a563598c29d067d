import type { Writable } from 'node:stream'
import { CompiledQuery, type DatabaseConnection, type Driver, type QueryResult } from 'kysely'
import type { Pool, PoolClient } from 'pg'
import { EngineDriver } from '../sql/connection-driver.js'
import { DatabaseFailure, isStalePlan } from './database-failure.js'

/** How many statements have a name, under which every connection keeps them prepared. */
const maxNames = 500

/** Gives kysely the connections of a pool. A connection on which anything but a statement failed is not used again. */
export class PoolDriver extends EngineDriver implements Driver {
  readonly #pool: Pool
  readonly #names = new Map<string, string>()
  #generation = 0

  constructor(pool: Pool) {
    super()
    this.#pool = pool
  }

  async init(): Promise<void> {
    // The pool connects by itself.
  }

  async acquireConnection(): Promise<PoolConnection> {
    try {
      return new PoolConnection(await this.#pool.connect(), this)
    } catch (error) {
      throw new DatabaseFailure(error)
    }
  }

  /** Runs work in a transaction, which is taken back where it rejects. */
  async transaction<T>(work: (connection: PoolConnection) => Promise<T>): Promise<T> {
    const connection = await this.acquireConnection()
    try {
      connection.begin()
      const outcome = await work(connection)
      await connection.commit()
      return outcome
    } catch (error) {
      // What a connection that does not answer has begun, the database takes back when it is closed.
      if (!connection.isBroken) await connection.executeQuery(CompiledQuery.raw('rollback'))
      throw error
    } finally {
      connection.release()
    }
  }

  /** Executes a query on any of the connections. */
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
    // Who opened the pool ends it: a driver that was never used would not be told to.
  }

  nameOf(sql: string): string | undefined {
    const known = this.#names.get(sql)
    if (known !== undefined || this.#names.size >= maxNames) return known
    const name = `countersign-${this.#generation}-${this.#names.size}`
    this.#names.set(sql, name)
    return name
  }

  /** Has every connection prepare its statements again, under new names: what they answer with was changed. */
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

  /** Of several statements, what the last one answered. */
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

  /** Begins a transaction with the statement that is sent next. */
  begin(): void {
    this.#begins = true
  }

  /** @throws DatabaseFailure where a statement had failed before: PostgreSQL takes the transaction back then, without an error */
  async commit(): Promise<void> {
    const { command } = await this.#answered(CompiledQuery.raw('commit'))
    if (command !== 'COMMIT') throw new DatabaseFailure('a statement had failed, and the transaction was taken back')
  }

  streamQuery(): never {
    throw new TypeError('rows are not streamed')
  }

  release(): void {
    this.#client.release(this.isBroken)
  }

  /** What is sent in one turn of the event loop leaves in one write: each costs more than what is in it. */
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

  /** Without parameters it may be several statements at once, which cannot be prepared. */
  async #send({ sql, parameters }: CompiledQuery): Promise<Answer | Answer[]> {
    const begins = this.#begins
    this.#begins = false
    this.#gather()
    if (parameters.length === 0) return this.#client.query(begins ? `${begin}; ${sql}` : sql)
    if (begins) await this.#client.query(begin)
    const name = this.#plans.nameOf(sql)
    return this.#client.query({ text: sql, values: parameters.map(storable), ...(name !== undefined && { name }) })
  }
}

/** The verbs count on seeing what others have committed, whatever the default of the database is. */
const begin = 'begin isolation level read committed'

/** What the types of `pg` leave out. */
type Wired = PoolClient & { readonly connection: { readonly stream: Writable } }

interface Answer {
  command: string
  rowCount: number | null
  rows: unknown[]
}

const changes = new Set(['INSERT', 'UPDATE', 'DELETE'])

const nothing: Answer = { command: '', rowCount: null, rows: [] }

/** PostgreSQL keeps every character of a text but this one. */
function storable(value: unknown): unknown {
  return typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\u{FFFD}') : value
}
