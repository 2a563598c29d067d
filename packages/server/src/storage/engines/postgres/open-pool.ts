import pg from 'pg'

/** Milliseconds. Together with the wait for a connection, a silent database is noticed within three seconds. */
const patience = { lock: 1500, statement: 2000, answer: 2500, idleTransaction: 10_000 }

/** Milliseconds that a connection for what takes longer may take. */
const firstConnection = 5000

export interface PoolOptions {
  /** How many connections are open at most. @default 10 */
  connections?: number
  /** Seconds that a request waits for one. @default 0.5 */
  connectionTimeout?: number
}

/**
 * Connections to PostgreSQL for requests. What the URL leaves out comes from the variables that `libpq` reads (`PGHOST`,
 * `PGPASSWORD`, `PGPASSFILE`, …), and `sslmode` means what it means there.
 */
export function openPool(url: string, { connections = 10, connectionTimeout = 0.5 }: PoolOptions = {}): pg.Pool {
  const pool = new pg.Pool({
    ...common(url),
    max: connections,
    connectionTimeoutMillis: connectionTimeout * 1000,
    lock_timeout: patience.lock,
    statement_timeout: patience.statement,
    query_timeout: patience.answer,
    idle_in_transaction_session_timeout: patience.idleTransaction,
  })
  // A connection that rests and is lost leaves the pool; whoever needs one next is told if there is none.
  pool.on('error', () => undefined)
  return pool
}

/** One connection, for what may take its time: migrations, retention. */
export async function openClient(url: string): Promise<pg.Client> {
  const client = new pg.Client({ ...common(url), connectionTimeoutMillis: firstConnection })
  // Whatever is sent next is told that the connection is lost.
  client.on('error', () => undefined)
  await client.connect()
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

function asLibpq(url: string): string {
  const parsed = new URL(url)
  if (!parsed.searchParams.has('uselibpqcompat')) parsed.searchParams.set('uselibpqcompat', 'true')
  return parsed.href
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
