import { createHash } from 'node:crypto'
import { type InsertQueryBuilder, type InsertResult, type SqlBool, sql } from 'kysely'
import type {
  Attempt,
  AttemptCount,
  CountedRequest,
  LimitedAttempt,
  ReachedLimit,
  RequestAttempt,
} from '../api/throttle-storage.js'
import { foldUsername } from '../api/user.js'
import type { Parts, Statement, Unit } from '../sql/engine.js'
import { keptQuery, keptQueryOfRows, type Placeholders } from '../sql/kept-query.js'
import type { AttemptRow, Tables } from '../sql/tables.js'
import { hashBytes } from '../sql/values.js'

export async function countAttempt(statement: Statement, attempt: Attempt): Promise<AttemptCount> {
  return count(statement, storedKey(attempt), attempt.window)
}

async function count(statement: Statement, keyHash: Uint8Array, window: number): Promise<AttemptCount> {
  const [row] = await countOne(statement, { keyHash, window })
  if (!row) throw new TypeError('an attempt was not counted')
  return { count: row.count, resetAt: row.reset_at }
}

/** Counts an attempt; gives the seconds to wait where there were too many, else undefined. */
export async function waitAfter(unit: Unit, { most, ...attempt }: LimitedAttempt): Promise<number | undefined> {
  const { count, resetAt } = await countAttempt(unit, attempt)
  return count > most ? Math.max(1, resetAt - unit.now) : undefined
}

/** Of whom an attempt is counted, as the query has it. */
const whose = { all: 0, allowed: 1, unknown: 2 } as const

export async function countRequest(
  statement: Statement,
  { agent, attempts }: { agent: string; attempts: readonly RequestAttempt[] },
): Promise<CountedRequest> {
  const wanted = attempts.map(({ key, window, of }) => ({
    keyHash: hashBytes(key),
    window,
    of: whose[of ?? 'all'],
    agent,
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

const countOne = keptQuery((parts, { keyHash, window }: Placeholders<NewAttempt>) => {
  const { db, clock } = parts
  return counting(
    parts,
    db.insertInto('attempt').values({ key_hash: keyHash, count: 1, reset_at: sql<number>`${clock} + ${window}` }),
  )
})

/**
 * Some attempts, of an agent that is not blocked, in one order everywhere: two that lock the same rows must not wait for each
 * other. The first of the selects has no rows; it says of which types those of the others are.
 */
const countAllOf = keptQueryOfRows(
  (parts, attempts: readonly Placeholders<NewAttempt & { of: number; agent: string }>[]) => {
    const { db, clock } = parts
    const agent = attempts[0]?.agent ?? sql.lit('')
    const isBlocked = sql<SqlBool>`exists (select 1 from agent where identifier = ${agent} and blocked_at is not null)`
    const isAllowed = sql<SqlBool>`exists (select 1 from consent_grant where agent_id =
      (select id from agent where identifier = ${agent}))`
    const given = attempts.map(({ keyHash, window, of }) => sql`select ${keyHash}, ${window}, ${of}`)
    const values = sql<Pick<AttemptRow, 'key_hash' | 'count' | 'reset_at'>>`
      select w.key_hash, 1, ${clock} + w.reset_at
      from (${sql.join([sql`select key_hash, reset_at, count from attempt where 1 = 0`, ...given], sql` union all `)}) as w
      where not ${isBlocked} and w.count in (${sql.lit(whose.all)}, case when ${isAllowed}
        then ${sql.lit(whose.allowed)} else ${sql.lit(whose.unknown)} end)
      order by w.key_hash`
    return counting(
      parts,
      db.insertInto('attempt').columns(['key_hash', 'count', 'reset_at']).expression(values),
    ).returning(isAllowed.as('allowed'))
  },
)

/** Adds to what is counted in the same window. */
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

/** Rows that one code or refresh token leaves of each refusal in a day: an agent may present it as often as it likes, and more say nothing new. */
const refusedRows = { window: 86_400, most: 100 }

/** Counts a refusal of what has this hash; whether enough of them stand in the audit. */
export async function isOneTooMany(statement: Statement, refusal: string, of: string): Promise<boolean> {
  const keyHash = createHash('sha256').update(`${refusal} ${of}`).digest()
  const counted = await count(statement, keyHash, refusedRows.window)
  return counted.count > refusedRows.most
}

export async function findReachedLimit(
  statement: Statement,
  limits: readonly LimitedAttempt[],
): Promise<ReachedLimit | undefined> {
  if (limits.length === 0) return undefined
  const keyed = limits.map((limit) => ({ limit, keyHash: storedKey(limit) }))
  const keys = keyed.map(({ keyHash }) => ({ keyHash }))
  return reachedAmong(keyed, await countsOf(statement, keys), (count, most) => count >= most)
}

const countsOf = keptQueryOfRows(({ db, clock }, keys: readonly Placeholders<{ keyHash: Uint8Array }>[]) =>
  db
    .selectFrom('attempt')
    .select(['key_hash', 'count', 'reset_at'])
    .where((e) =>
      e(
        'key_hash',
        'in',
        keys.map(({ keyHash }) => keyHash),
      ),
    )
    .where('reset_at', '>', clock),
)

export async function countWithinLimits(
  unit: Unit,
  limits: readonly LimitedAttempt[],
): Promise<ReachedLimit | undefined> {
  const keyed = limits.map((limit) => ({ limit, keyHash: storedKey(limit) }))
  const attempts = keyed.map(({ limit: { window }, keyHash }) => ({ keyHash, window }))
  // Every transaction locks counters in key order.
  const rows = await countEach(
    unit,
    attempts.toSorted((a, b) => Buffer.compare(a.keyHash, b.keyHash)),
  )
  const reached = reachedAmong(keyed, rows, (count, most) => count > most)
  if (reached) {
    const keyHashes = attempts.map(({ keyHash }) => keyHash)
    await takeBack(unit, keyHashes)
  }
  return reached
}

const countEach = keptQueryOfRows((parts, attempts: readonly Placeholders<NewAttempt>[]) => {
  const { db, clock } = parts
  const rows = attempts.map(({ keyHash, window }) => ({
    key_hash: keyHash,
    count: 1,
    reset_at: sql<number>`${clock} + ${window}`,
  }))
  return counting(parts, db.insertInto('attempt').values(rows))
})

/** Of the limits that are reached, the one that resets last. */
function reachedAmong(
  limits: readonly { limit: LimitedAttempt; keyHash: Buffer }[],
  rows: readonly Pick<AttemptRow, 'key_hash' | 'count' | 'reset_at'>[],
  isReached: (count: number, most: number) => boolean,
): ReachedLimit | undefined {
  const reached = limits.flatMap(({ limit, keyHash }) => {
    const row = rows.find(({ key_hash }) => Buffer.compare(key_hash, keyHash) === 0)
    return row && isReached(row.count, limit.most) ? [{ limit, resetAt: row.reset_at }] : []
  })
  return reached.toSorted((a, b) => b.resetAt - a.resetAt)[0]
}

export async function forgiveAttempts(unit: Unit, keys: readonly string[]): Promise<void> {
  const { db } = unit
  const hashes = keys.map(hashBytes)
  const kept = db.selectFrom('attempt').select('key_hash').where('key_hash', 'in', hashes).orderBy('key_hash')
  if (hashes.length > 1) await unit.lockRows('whole', kept)
  await takeBack(unit, hashes)
}

/** Takes one attempt of each counter back; a counter of zero leaves no row. */
async function takeBack({ db }: Unit, hashes: readonly Buffer[]): Promise<void> {
  const last = await db
    .deleteFrom('attempt')
    .where('key_hash', 'in', hashes)
    .where('count', '<=', 1)
    .returning('key_hash')
    .execute()
  if (last.length === hashes.length) return
  await db
    .updateTable('attempt')
    .set((e) => ({ count: e('count', '-', 1) }))
    .where('key_hash', 'in', hashes)
    .execute()
}

export async function clearAttempts({ db }: Statement, attempt: Pick<Attempt, 'key' | 'account'>): Promise<void> {
  await db.deleteFrom('attempt').where('key_hash', '=', storedKey(attempt)).execute()
}

/** Forgets all attempts on an account. */
export async function clearAccountAttempts({ db }: Statement, account: string): Promise<void> {
  const { first, last } = storedKeysOf(account)
  await db.deleteFrom('attempt').where('key_hash', '>=', first).where('key_hash', '<=', last).execute()
}

/** Remembers a browser in which a user signed in. The caller holds the user's row, as they were when their proof was checked. */
export async function rememberDevice({ db, now }: Unit, userId: number, browserHash: string): Promise<void> {
  await db
    .insertInto('known_device')
    .values({ user_id: userId, browser_hash: hashBytes(browserHash), last_seen_at: now })
    .onConflict((conflict) => conflict.columns(['user_id', 'browser_hash']).doUpdateSet({ last_seen_at: now }))
    .execute()
}

export async function isKnownDevice(
  statement: Statement,
  { username, browserHash }: { username: string; browserHash: string },
): Promise<boolean> {
  const usernameKey = foldUsername(username)
  const signedIn = await accountsOfBrowser(statement, { browserHash: hashBytes(browserHash) })
  return signedIn.some(({ username_key }) => username_key === usernameKey)
}

/** Read by browser and not by username, so that the cost does not depend on whether an account exists (attacks C17). */
const accountsOfBrowser = keptQuery(({ db }, { browserHash }: Placeholders<{ browserHash: Uint8Array }>) =>
  db
    .selectFrom('known_device as d')
    .innerJoin('app_user as u', 'u.id', 'd.user_id')
    .select('u.username_key')
    .where('d.browser_hash', '=', browserHash)
    .orderBy('d.last_seen_at', 'desc')
    .limit(sql.lit(100)),
)

/** Bytes of a stored key that are the same for all attempts on one account. */
const accountBytes = 16

/** The key an attempt is stored under. */
function storedKey({ key, account }: Pick<Attempt, 'key' | 'account'>): Buffer {
  const bytes = hashBytes(key)
  return account === undefined ? bytes : Buffer.concat([prefixOf(account), bytes.subarray(accountBytes)])
}

/** The first and the last key that an attempt on this account can be stored under. */
function storedKeysOf(account: string): { first: Buffer; last: Buffer } {
  const keyEndingIn = (byte: number) => Buffer.concat([prefixOf(account), Buffer.alloc(accountBytes, byte)])
  return { first: keyEndingIn(0), last: keyEndingIn(255) }
}

function prefixOf(account: string): Buffer {
  return createHash('sha256')
    .update(`account ${foldUsername(account)}`)
    .digest()
    .subarray(0, accountBytes)
}
