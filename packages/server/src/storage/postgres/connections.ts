import pg from 'pg'
import { passwordFromFile } from './open-failure.js'
import type { Pools } from './postgres-engine.js'

/** Seconds after which a request is told that the database does not answer. */
export interface PostgresTimeouts {
  /** For a free connection. @default 0.5 */
  connection?: number
  /** For what others have locked. @default 1.5 */
  lock?: number
  /** For a statement. @default 2 */
  statement?: number
}

/** Milliseconds that the network may add to a statement, and that a transaction may rest. */
const patience = { network: 250, idleTransaction: 10_000 }

/** Milliseconds that a connection for what takes longer may take. */
const firstConnection = 5000

export interface PoolOptions {
  /** How many connections are open at most for what must last, and as many for counters. @default 10 */
  connections?: number
  timeouts?: PostgresTimeouts
}

/**
 * Connections to PostgreSQL for requests. What the URL leaves out comes from the variables that `libpq` reads (`PGHOST`,
 * `PGPASSWORD`, `PGPASSFILE`, …), and `sslmode` means what it means there.
 */
export function openPools(url: string, options: PoolOptions = {}): Pools {
  return { durable: openPool(url, options), quick: openPool(url, options, { waits: false }) }
}

function openPool(url: string, { connections = 10, timeouts = {} }: PoolOptions, { waits } = { waits: true }): pg.Pool {
  const { connection = 0.5, lock = 1.5, statement = 2 } = timeouts
  const pool = new pg.Pool({
    ...common(url),
    Client,
    // A transaction begins with what is sent in one go.
    pipeline: true,
    max: connections,
    connectionTimeoutMillis: connection * 1000,
    lock_timeout: lock * 1000,
    statement_timeout: statement * 1000,
    query_timeout: statement * 1000 + patience.network,
    idle_in_transaction_session_timeout: patience.idleTransaction,
  })
  pool.on('connect', (client) => {
    // In use it may be lost between two statements: whatever is sent next is told.
    client.on('error', () => undefined)
    // Where this fails, so does what is sent next.
    if (!waits) void client.query('set synchronous_commit = off').catch(() => undefined)
  })
  // A connection that rests and is lost leaves the pool; whoever needs one next is told if there is none.
  pool.on('error', () => undefined)
  return pool
}

/** One connection, for what may take its time: migrations, retention. */
export async function openClient(url: string): Promise<pg.Client> {
  const client = new Client({ ...common(url), connectionTimeoutMillis: firstConnection })
  // Whatever is sent next is told that the connection is lost.
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (error) {
    // Else the database would wait for the rest of a sign-in, and this process for the database.
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

/** Looks for a password in the password file where neither the URL nor the environment has one. */
class Client extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config)
    // The types know none that is looked for.
    this.password ??= passwordFromFile as unknown as string
  }
}

/** As it stands: of a socket (`postgres://user@/database?host=/run/postgresql`) it is no URL to others. */
function asLibpq(url: string): string {
  return `${url}${url.includes('?') ? '&' : '?'}uselibpqcompat=true`
}

const { INT8, NUMERIC } = pg.types.builtins
const asNumber = new Set<number>([INT8, NUMERIC])

const int8Array = 1016

/** Of `{1,2,NULL}` the numbers. */
function parseNumbers(list: string): number[] {
  return (list.match(/\d+/g) ?? []).map(Number)
}

/** Counts and times are well below 2^53. */
function getTypeParser(oid: number, format?: 'text' | 'binary') {
  if (asNumber.has(oid)) return Number
  return oid === int8Array ? parseNumbers : pg.types.getTypeParser(oid, format as 'text')
}
