import pg from 'pg'
import { passwordFromFile } from './open-failure.js'
import type { Pools } from './postgres-engine.js'

/** Timeouts, in seconds, after which a request fails because the database does not respond. */
export interface PostgresTimeouts {
  /** Waiting for a free connection. @default 0.5 */
  connection?: number
  /** Waiting for a lock. @default 1.5 */
  lock?: number
  /** Running a statement. @default 2 */
  statement?: number
}

/**
 * In milliseconds: the time that the network may add to a statement, and the maximum idle times within a transaction and of a connection.
 * A new connection plans every statement again, which costs more than 50 executions; some networks drop connections after four minutes.
 */
const patience = { network: 250, idleTransaction: 10_000, idleConnection: 120_000 }

/** Connect timeout for long-running work, in milliseconds. */
const firstConnection = 5000

export interface PoolOptions {
  /** Maximum number of open connections for durable writes; the same number again is used for counters. @default 10 */
  connections?: number
  timeouts?: PostgresTimeouts
}

/** The verbs rely on seeing what others have committed, whatever the database's default isolation level is. */
const isolation = "set default_transaction_isolation = 'read committed'"

/**
 * Opens the pools of PostgreSQL connections for requests. Parts missing from the URL are taken from the environment variables that `libpq`
 * reads (`PGHOST`, `PGPASSWORD`, `PGPASSFILE`, …), and `sslmode` means the same as in `libpq`.
 */
export function openPools(url: string, options: PoolOptions = {}): Pools {
  return { durable: openPool(url, options), quick: openPool(url, options, { waits: false }) }
}

function openPool(url: string, { connections = 10, timeouts = {} }: PoolOptions, { waits } = { waits: true }): pg.Pool {
  const { connection = 0.5, lock = 1.5, statement = 2 } = timeouts
  const pool = new pg.Pool({
    ...common(url),
    Client,
    // Sends `begin` together with the first statement of a transaction.
    pipeline: true,
    max: connections,
    connectionTimeoutMillis: connection * 1000,
    lock_timeout: lock * 1000,
    statement_timeout: statement * 1000,
    query_timeout: statement * 1000 + patience.network,
    idle_in_transaction_session_timeout: patience.idleTransaction,
    idleTimeoutMillis: patience.idleConnection,
    // The pool waits for it, which `pg`'s types omit, and does not use the connection if it fails.
    onConnect: (client) =>
      client.query(waits ? isolation : `${isolation}; set synchronous_commit = off`) as unknown as undefined,
  })
  // A connection in use may be lost between two statements. The next statement then fails.
  pool.on('connect', (client) => void client.on('error', () => undefined))
  // An idle connection that is lost leaves the pool. The next caller gets an error if no connection can be opened.
  pool.on('error', () => undefined)
  return pool
}

/** Opens one connection for long-running work: migrations and retention. */
export async function openClient(url: string): Promise<pg.Client> {
  const client = new Client({ ...common(url), connectionTimeoutMillis: firstConnection })
  // If the connection is lost, the next statement fails.
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (error) {
    // Otherwise, the database would wait for the rest of the authentication, and this process would wait for the database.
    void client.end().catch(() => undefined)
    throw error
  }
  return client
}

function common(url: string): pg.ClientConfig {
  return {
    connectionString: asLibpq(url),
    application_name: 'countersign',
    keepAlive: true,
    types: { getTypeParser },
  }
}

/** Looks up the password in the password file if neither the URL nor the environment contains one. */
class Client extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config)
    // `pg`'s types do not allow a function here.
    this.password ??= passwordFromFile as unknown as string
  }
}

/** Appends the parameter as text, because other parsers reject the URL of a socket (`postgres://user@/database?host=/run/postgresql`). */
function asLibpq(url: string): string {
  return `${url}${url.includes('?') ? '&' : '?'}uselibpqcompat=true`
}

const { INT8, NUMERIC } = pg.types.builtins
const asNumber = new Set<number>([INT8, NUMERIC])

const int8Array = 1016

/** Parses the numbers of an array such as `{1,2,NULL}`. */
function parseNumbers(list: string): number[] {
  return (list.match(/\d+/g) ?? []).map(Number)
}

/** Counts and times, which are well below 2^53. */
function getTypeParser(oid: number, format?: 'text' | 'binary') {
  if (asNumber.has(oid)) return Number
  return oid === int8Array ? parseNumbers : pg.types.getTypeParser(oid, format as 'text')
}
