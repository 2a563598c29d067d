import { createHash } from 'node:crypto'
import {
  CompiledQuery,
  type Driver,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type RawBuilder,
  type SelectQueryBuilder,
  sql,
} from 'kysely'
import type { Client, Pool } from 'pg'
import { ConnectionDriver } from '../sql/connection-driver.js'
import type {
  ConnectionCounts,
  Engine,
  Form,
  Lasting,
  Lockable,
  LockMode,
  LockStrength,
  Locks,
  Statement,
  Unit,
} from '../sql/engine.js'
import { onlyOf } from '../sql/kept-query.js'
import type { Tables } from '../sql/tables.js'
import { DatabaseFailure, isConflict, isOutage } from './database-failure.js'
import { type PoolConnection, PoolDriver } from './pool-driver.js'

/** Unix seconds according to the database's clock, at the start of the statement or of its transaction. */
const databaseClock = sql<number>`floor(extract(epoch from now()))::bigint`

/** Connections whose writes wait for the disk (`durable`), and connections whose writes do not (`quick`). */
export interface Pools {
  durable: Pool
  quick: Pool
}

/** An engine over a pool of connections. */
export interface PooledEngine extends Engine {
  /** Returns the number of open connections. */
  connections(): ConnectionCounts
}

/**
 * Creates an engine over connections to PostgreSQL, with READ COMMITTED transactions.
 *
 * @param connect opens a connection for long-running work
 * @param now Unix seconds, instead of the database's clock
 */
export function postgresEngine(pools: Pools, connect: () => Promise<Client>, now?: () => number): PooledEngine {
  const durable = new PoolDriver(pools.durable)
  // After a failover to a replica that lacks the latest nonces, those nonces could be used again.
  const writers = { disk: durable, nonce: durable, process: new PoolDriver(pools.quick) }
  let isOpen = true
  /** Connections for long-running work, which are closed with the engine. */
  const opened = new Set<Client>()
  /** Runs work on its own connection, without a limit on how long statements may take. */
  async function patient<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    const failed = (cause: unknown): never => {
      throw new DatabaseFailure(cause)
    }
    const client = await connect().catch(failed)
    opened.add(client)
    try {
      return await work((statement, values) => client.query(statement, values).catch(failed))
    } finally {
      opened.delete(client)
      await client.end()
    }
  }
  const askers = {
    disk: queryRunnerOn(durable),
    nonce: queryRunnerOn(durable),
    process: queryRunnerOn(writers.process),
  }
  const statementOn = (asker: QueryRunner): Statement =>
    now
      ? timedOn(asker, Math.floor(now()))
      : { clock: databaseClock, at: undefined, behind: 0, form: untimed, locking: lockingQuery, ...asker }
  return {
    reading: () => statementOn(askers.disk),
    statement: (lasting, verb) => verb(statementOn(askers[lasting])),
    transaction: <T, F>(
      lasting: Lasting,
      verb: (unit: Unit, given?: F) => Promise<T>,
      first?: (statement: Statement) => Promise<F>,
    ) =>
      writers[lasting].transaction(async (connection) => {
        // Both queries take a single round trip.
        const [at, given] = await Promise.all([
          now ? Math.floor(now()) : readClock(connection),
          first?.(new StatementOn(connection, now && Math.floor(now()))),
        ])
        return verb(new Transaction(connection, at), given)
      }),
    ifNotRunningElsewhere: (name, work) =>
      patient(async (ask) => {
        // Closing the connection releases the lock.
        const { rows } = await ask('select pg_try_advisory_lock($1) as mine', [lockNumber(name)])
        if (rows[0]?.mine === true) await work()
      }),
    maintainAuditLog: (before) =>
      patient(async (ask) => {
        // Writers of events queue behind a change to the event tables. The change therefore yields to readers and is retried later.
        await ask("set lock_timeout = '500ms'", [])
        const { rows } = await ask('select * from keep_audit($1)', [before])
        const { events, agents, resources } = onlyOf(rows) as unknown as KeptAudit
        return { events, agentIds: [...new Set(agents)], resourceIds: [...new Set(resources)] }
      }),
    resetIdSequences: async ({ db }) => void (await sql`select continue_ids()`.execute(db)),
    isRetryable: isConflict,
    isUnavailable: (error) => !isOpen || isOutage(error),
    connections() {
      const all = [pools.durable, pools.quick]
      const sum = (count: (pool: Pool) => number) => all.reduce((total, pool) => total + count(pool), 0)
      return {
        idle: sum(({ idleCount }) => idleCount),
        used: sum(({ totalCount, idleCount }) => totalCount - idleCount),
        waiting: sum(({ waitingCount }) => waitingCount),
      }
    },
    async close() {
      if (!isOpen) return
      isOpen = false
      await Promise.all([...opened, pools.durable, pools.quick].map((each) => each.end()))
    },
  }
}

/** Runs queries on one connection, or on any connection of a pool. */
type QueryRunner = Pick<Statement, 'db' | 'ask'>

function queryRunnerOn(driver: PoolDriver): QueryRunner {
  return { db: queriesBy(() => driver), ask: executeOn(driver) }
}

function executeOn(connection: Pick<PoolConnection, 'executeQuery'>): Statement['ask'] {
  return async <R>(query: CompiledQuery<R>) => (await connection.executeQuery<R>(query)).rows
}

function queriesBy(createDriver: () => Driver): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver,
      createIntrospector: (introspected) => new PostgresIntrospector(introspected),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  })
}

const parts = { db: queriesBy(() => new DummyDriver()), locking: lockingQuery }
const untimed: Form = { parts, clock: () => databaseClock }
const timed: Form = { parts, clock: timeOf }

function timedOn(asker: QueryRunner, at: number): Statement {
  return { clock: timeOf(at), at, behind: 0, form: timed, locking: lockingQuery, ...asker }
}

function timeOf(at: number | RawBuilder<number>): RawBuilder<number> {
  return sql`${at}::bigint`
}

/** Sends a statement. Rejects with {@link DatabaseFailure}. */
type Ask = (statement: string, values: unknown[]) => Promise<{ rows: Record<string, unknown>[] }>

interface KeptAudit {
  events: number
  agents: number[]
  resources: number[]
}

/** Rounded by {@link readClock}: PostgreSQL parses this query again for every transaction. */
const clockQuery = CompiledQuery.raw('select extract(epoch from now()) as now')

async function readClock(connection: PoolConnection): Promise<number> {
  const { rows } = await connection.executeQuery<{ now: number }>(clockQuery)
  return Math.floor(onlyOf(rows).now)
}

const lockedBy: Record<LockStrength, (rows: Lockable) => { execute(): Promise<unknown> }> = {
  shared: (rows) => rows.forShare(),
  alone: (rows) => rows.forNoKeyUpdate(),
  whole: (rows) => rows.forUpdate(),
}

/** Runs statements on one connection. */
class StatementOn implements Statement {
  readonly at: number | undefined
  readonly behind = 0
  readonly form: Form
  readonly ask: Statement['ask']
  readonly locking = lockingQuery
  readonly #connection: PoolConnection
  #db: Kysely<Tables> | undefined

  /** @param at if undefined, the database's own clock is used */
  constructor(connection: PoolConnection, at: number | undefined) {
    this.at = at
    this.form = at === undefined ? untimed : timed
    this.ask = executeOn(connection)
    this.#connection = connection
  }

  get clock(): Statement['clock'] {
    return this.at === undefined ? databaseClock : timeOf(this.at)
  }

  /** Created on demand, because most queries are already compiled. */
  get db(): Kysely<Tables> {
    this.#db ??= queriesBy(() => new ConnectionDriver(this.#connection))
    return this.#db
  }
}

/** A transaction on one connection. */
class Transaction extends StatementOn implements Unit {
  readonly now: number

  constructor(connection: PoolConnection, now: number) {
    super(connection, now)
    this.now = now
  }

  async exclusive(name: string): Promise<void> {
    await sql`select pg_advisory_xact_lock(${lockNumber(name)}::bigint)`.execute(this.db)
  }

  async lockRows(strength: LockStrength, rows: Lockable): Promise<void> {
    await lockedBy[strength](rows).execute()
  }
}

const lockClauses: Record<LockStrength, string> = {
  shared: 'for share',
  alone: 'for no key update',
  whole: 'for update',
}

function lockingQuery<DB, TB extends keyof DB, O>(
  query: SelectQueryBuilder<DB, TB, O>,
  tables: Locks<TB>,
  how?: LockMode,
): SelectQueryBuilder<DB, TB, O> {
  let locking = query
  for (const table in tables) {
    const strength = tables[table]
    if (strength === undefined) continue
    const clause = sql`${sql.raw(lockClauses[strength])} of ${sql.table(table)}`
    locking = locking.modifyEnd(how === 'passing' ? sql`${clause} skip locked` : clause)
  }
  return locking
}

function lockNumber(name: string): string {
  return createHash('sha256').update(name).digest().readBigInt64BE().toString()
}
