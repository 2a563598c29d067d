import { createHash, randomBytes } from 'node:crypto'
import { type InsertQueryBuilder, type InsertResult, type SqlBool, sql } from 'kysely'
import {
  type Attempt,
  type AttemptCount,
  type CountedRequest,
  type LimitedAttempt,
  type ReachedLimit,
  type RequestAttempt,
  secondsUntil,
} from '../api/throttle-storage.js'
import { foldUsername } from '../api/user.js'
import type { Parts, Statement, Unit } from '../sql/engine.js'
import {
  cachedInsertion,
  cachedQuery,
  cachedQueryOfRows,
  hashBytes,
  onlyOf,
  type Placeholders,
} from '../sql/kept-query.js'
import type { Row, Tables } from '../sql/tables.js'
import { blockersOf } from './agents.js'

export async function countAttempt(statement: Statement, attempt: Attempt): Promise<AttemptCount> {
  return count(statement, hashBytes(attempt.key), attempt.window)
}

async function count(statement: Statement, keyHash: Uint8Array, window: number): Promise<AttemptCount> {
  const row = onlyOf(await countOne(statement, { keyHash, window }))
  return { count: row.count, resetAt: row.reset_at }
}

/** Counts an attempt. Returns the number of seconds to wait if there were too many attempts, otherwise undefined. */
export async function waitAfter(unit: Unit, { most, ...attempt }: LimitedAttempt): Promise<number | undefined> {
  const { count, resetAt } = await countAttempt(unit, attempt)
  return count > most ? secondsUntil(resetAt, unit.now) : undefined
}

/** The agents for which an attempt is counted, as the values used in the query. */
const whose = { all: 0, allowed: 1, unknown: 2 } as const

export async function countRequest(
  statement: Statement,
  { agent, attempts }: { agent: string; attempts: readonly RequestAttempt[] },
): Promise<CountedRequest> {
  const blockers = blockersOf(agent)
  const wanted = attempts.map(({ key, window, of }) => ({
    keyHash: hashBytes(key),
    window,
    of: whose[of ?? 'all'],
    agent,
    ...blockers,
  }))
  const rows = await countAllOf(statement, wanted)
  const counts = wanted.map(({ keyHash }) => {
    const row = rows.find(({ key_hash }) => Buffer.compare(key_hash, keyHash) === 0)
    return row && { count: row.count, resetAt: row.reset_at }
  })
  const [row] = rows
  return { isBlocked: row === undefined, hasBeenAllowed: Boolean(row?.allowed), counts }
}

interface NewAttempt {
  keyHash: Uint8Array
  window: number
}

const countOne = cachedQuery((parts, { keyHash, window }: Placeholders<NewAttempt>) => {
  const { db, clock } = parts
  return counting(
    parts,
    db.insertInto('attempt').values({ key_hash: keyHash, count: 1, reset_at: sql<number>`${clock} + ${window}` }),
  )
})

/**
 * Counts attempts by an agent that is not blocked, always in the same order, so that two queries that lock the same rows cannot deadlock.
 * The first select only determines the column types. The limit drops none: without it, SQLite evaluates the conditions in each select.
 */
const countAllOf = cachedQueryOfRows(
  (
    parts,
    attempts: readonly Placeholders<NewAttempt & { of: number; agent: string; host: string; anyPort: string }>[],
  ) => {
    const { db, clock } = parts
    const none = sql.lit('')
    const { agent, host, anyPort } = attempts[0] ?? { agent: none, host: none, anyPort: none }
    const isBlocked = sql<SqlBool>`exists (
      select 1 from agent where identifier in (${agent}, ${host}, ${anyPort}) and blocked_at is not null)`
    const isAllowed = sql<SqlBool>`exists (select 1 from consent_grant where agent_id =
      (select id from agent where identifier = ${agent}))`
    const first = sql`select key_hash, reset_at, count from attempt where 1 = 0`
    const given = attempts.map(({ keyHash, window, of }) => sql`select ${keyHash}, ${window}, ${of}`)
    const values = sql<Row<'attempt'>>`
      select w.key_hash, 1, ${clock} + w.reset_at
      from (${sql.join([first, ...given], sql` union all `)} limit ${sql.lit(attempts.length)}) as w
      where not ${isBlocked} and w.count in (${sql.lit(whose.all)}, case when ${isAllowed}
        then ${sql.lit(whose.allowed)} else ${sql.lit(whose.unknown)} end) order by w.key_hash`
    return counting(
      parts,
      db.insertInto('attempt').columns(['key_hash', 'count', 'reset_at']).expression(values),
    ).returning(isAllowed.as('allowed'))
  },
)

/** Increments the counter of the current window. */
function counting({ clock }: Pick<Parts, 'clock'>, insertion: InsertQueryBuilder<Tables, 'attempt', InsertResult>) {
  return insertion
    .onConflict((conflict) =>
      conflict.column('key_hash').doUpdateSet({
        count: sql`case when attempt.reset_at <= ${clock} then 1 else attempt.count + 1 end`,
        reset_at: sql`case when attempt.reset_at <= ${clock} then excluded.reset_at else attempt.reset_at end`,
      }),
    )
    .returning(['key_hash', 'count', 'reset_at'])
}

/**
 * Maximum number of audit events per day for each kind of refusal of one code or refresh token. An agent may present the code or token as
 * often as it likes, and more events would add no information.
 */
const refusedRows = { window: 86_400, most: 100 }

/** Counts a refusal of the code or token with this hash. Returns whether the audit log already contains enough of these events. */
export async function exceedsAuditLimit(statement: Statement, refusal: string, of: string): Promise<boolean> {
  const keyHash = createHash('sha256').update(`${refusal} ${of}`).digest()
  const counted = await count(statement, keyHash, refusedRows.window)
  return counted.count > refusedRows.most
}

export async function findReachedLimit(
  statement: Statement,
  limits: readonly LimitedAttempt[],
): Promise<ReachedLimit | undefined> {
  if (limits.length === 0) return undefined
  const counts = await countsOf(statement, limits.map(rangeOf))
  const reached = counts.flatMap(({ place, held, frees_at }) => {
    const limit = limits[place]
    return limit && Number(held) >= limit.most ? [{ limit, resetAt: frees_at }] : []
  })
  return reached.toSorted((a, b) => b.resetAt - a.resetAt)[0]
}

/** Returns how many attempts in each range are within their windows, and when the oldest attempt leaves its window. */
const countsOf = cachedQueryOfRows((parts, ranges: readonly Placeholders<KeyRange>[]) => {
  const [first, ...others] = ranges.map((range, place) => countOf(parts, range, place))
  if (!first) throw new TypeError('at least one limit is required')
  return others.reduce((counts, each) => counts.unionAll(each), first)
})

function countOf({ db, clock }: Parts, { first, last }: Placeholders<KeyRange>, place: number) {
  return db
    .selectFrom('attempt')
    .select((e) => [sql.lit(place).as('place'), e.fn.countAll().as('held'), e.fn.min('reset_at').as('frees_at')])
    .where('key_hash', '>=', first)
    .where('key_hash', '<=', last)
    .where('reset_at', '>', clock)
}

export async function countWithinLimits(
  unit: Unit,
  limits: readonly LimitedAttempt[],
): Promise<ReachedLimit | undefined> {
  const reached = await attemptWithinLimits(unit, limits, async () => false)
  return typeof reached === 'object' ? reached : undefined
}

/**
 * Makes an attempt if no limit is reached, and counts it if it fails. Returns the limit that is reached, or whether the attempt succeeded. No
 * other attempt within one of the limits is made or counted at the same time. There is one row for each attempt in a window, so that the
 * window slides: what matters is the time between attempts, not when a window began.
 */
export async function attemptWithinLimits(
  unit: Unit,
  limits: readonly LimitedAttempt[],
  succeeds: () => Promise<boolean>,
): Promise<ReachedLimit | boolean> {
  const attempts = limits.map((limit) => ({ window: limit.window, ...rangeOf(limit) }))
  // Every transaction locks limits in key order.
  const locks = attempts.map(({ first }) => `attempts ${first.toString('hex')}`).toSorted()
  for (const lock of locks) await unit.exclusive(lock)
  const reached = await findReachedLimit(unit, limits)
  if (reached) return reached
  if (await succeeds()) return true
  const rows = attempts.map(({ first, window }) => ({
    key_hash: keyOf(first, randomBytes(attemptBytes)),
    count: 1,
    reset_at: unit.now + window,
  }))
  await attemptInsertion(unit, rows)
  return false
}

const attemptInsertion = cachedInsertion('attempt')

/** Subtracts one attempt from each counter. A counter that drops to zero is deleted. */
export async function forgiveAttempts(unit: Unit, keys: readonly string[]): Promise<void> {
  const { db } = unit
  const hashes = keys.map(hashBytes)
  const kept = db.selectFrom('attempt').select('key_hash').where('key_hash', 'in', hashes).orderBy('key_hash')
  if (hashes.length > 1) await unit.lockRows('whole', kept)
  await db.deleteFrom('attempt').where('key_hash', 'in', hashes).where('count', '<=', 1).execute()
  await db
    .updateTable('attempt')
    .set((e) => ({ count: e('count', '-', 1) }))
    .where('key_hash', 'in', hashes)
    .execute()
}

export async function clearAttempts(
  statement: Statement,
  limit: Pick<LimitedAttempt, 'key' | 'account'>,
): Promise<void> {
  await removeRange(statement, rangeOf(limit))
}

/** Deletes all attempts on an account. */
export async function clearAccountAttempts(statement: Statement, account: string): Promise<void> {
  await removeRange(statement, rangeFrom(prefixOf(account)))
}

async function removeRange({ db }: Statement, { first, last }: KeyRange): Promise<void> {
  await db.deleteFrom('attempt').where('key_hash', '>=', first).where('key_hash', '<=', last).execute()
}

/**
 * Remembers a browser in which a user has signed in. Returns whether it is new to a user who has signed in from other browsers. The caller
 * holds the lock on the user's row, which has not changed since the user's proof was checked.
 */
export async function rememberDevice({ db, now }: Unit, userId: number, browserHash: string): Promise<boolean> {
  const devices = db.selectFrom('known_device').select('browser_hash').where('user_id', '=', userId)
  const known = await devices.where('browser_hash', '=', hashBytes(browserHash)).executeTakeFirst()
  const other = known ?? (await devices.limit(1).executeTakeFirst())
  await db
    .insertInto('known_device')
    .values({ user_id: userId, browser_hash: hashBytes(browserHash), last_seen_at: now })
    .onConflict((conflict) => conflict.columns(['user_id', 'browser_hash']).doUpdateSet({ last_seen_at: now }))
    .execute()
  return !known && other !== undefined
}

export async function isKnownDevice(
  statement: Statement,
  { username, browserHash }: { username: string; browserHash: string },
): Promise<boolean> {
  const usernameKey = foldUsername(username)
  const signedIn = await accountsOfBrowser(statement, { browserHash: hashBytes(browserHash) })
  return signedIn.some(({ username_key }) => username_key === usernameKey)
}

/** Looks up the browser rather than the username, so that the cost does not depend on whether an account exists (attacks C17). */
const accountsOfBrowser = cachedQuery(({ db }, { browserHash }: Placeholders<{ browserHash: Uint8Array }>) =>
  db
    .selectFrom('known_device as d')
    .innerJoin('app_user as u', 'u.id', 'd.user_id')
    .select('u.username_key')
    .where('d.browser_hash', '=', browserHash)
    .orderBy('d.last_seen_at', 'desc')
    .limit(sql.lit(100)),
)

const keyBytes = 32
/** Number of bytes of a stored key that are the same for all limits of one account. */
const accountBytes = 16
/** Number of bytes at the end of a stored key that differ for each attempt within one limit. */
const attemptBytes = 8

/** The first and last keys of a range of attempts. */
interface KeyRange {
  first: Buffer
  last: Buffer
}

/** Returns the range of keys under which a limit's attempts are stored. */
function rangeOf({ key, account }: Pick<LimitedAttempt, 'key' | 'account'>): KeyRange {
  const hash = hashBytes(key)
  // Without a hash, the range would cover every limit.
  if (hash.length !== keyBytes) throw new TypeError('a limit’s key must be a SHA-256 hash')
  const ofLimit = hash.subarray(0, keyBytes - attemptBytes)
  return rangeFrom(account === undefined ? ofLimit : Buffer.concat([prefixOf(account), ofLimit.subarray(accountBytes)]))
}

function rangeFrom(prefix: Buffer): KeyRange {
  return { first: Buffer.concat([prefix], keyBytes), last: keyOf(prefix, Buffer.alloc(keyBytes - prefix.length, 255)) }
}

function keyOf(prefix: Buffer, end: Buffer): Buffer {
  return Buffer.concat([prefix.subarray(0, keyBytes - end.length), end])
}

function prefixOf(account: string): Buffer {
  return createHash('sha256')
    .update(`account ${foldUsername(account)}`)
    .digest()
    .subarray(0, accountBytes)
}
