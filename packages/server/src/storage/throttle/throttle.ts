import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { userIdOf } from '../accounts/users.js'
import type { Statement, Unit } from '../engines/engine.js'
import { keptQueryOfRows, type Placeholders } from '../engines/kept-query.js'
import { hashBytes } from '../engines/stored-bytes.js'
import type { Attempt, AttemptCount, Device } from './throttle-storage.js'

export async function countAttempt(statement: Statement, attempt: Attempt): Promise<AttemptCount> {
  return count(statement, hashBytes(attempt.key), attempt.window)
}

async function count(statement: Statement, keyHash: Uint8Array, window: number): Promise<AttemptCount> {
  const [counted] = await countAll(statement, [{ keyHash, window }])
  if (!counted) throw new TypeError('an attempt was not counted')
  return { count: counted.count, resetAt: counted.reset_at }
}

export async function countAttempts(statement: Statement, attempts: readonly Attempt[]): Promise<AttemptCount[]> {
  const wanted = attempts.map(({ key, window }) => ({ keyHash: hashBytes(key), window }))
  const counted = await countAll(
    statement,
    // In one order everywhere: two that lock the same rows must not wait for each other.
    wanted.toSorted((one, other) => Buffer.compare(one.keyHash, other.keyHash)),
  )
  return wanted.map(({ keyHash }) => {
    const row = counted.find(({ key_hash }) => Buffer.compare(key_hash, keyHash) === 0)
    if (!row) throw new TypeError('each attempt has a key of its own')
    return { count: row.count, resetAt: row.reset_at }
  })
}

const countAll = keptQueryOfRows(
  ({ db, clock }, attempts: readonly Placeholders<{ keyHash: Uint8Array; window: number }>[]) =>
    db
      .insertInto('attempt')
      .values(
        attempts.map(({ keyHash, window }) => ({
          key_hash: keyHash,
          count: 1,
          reset_at: sql<number>`${clock} + ${window}`,
        })),
      )
      .onConflict((conflict) =>
        conflict.column('key_hash').doUpdateSet({
          count: sql`case when attempt.reset_at <= ${clock} then 1 else attempt.count + 1 end`,
          reset_at: sql`case when attempt.reset_at <= ${clock} then excluded.reset_at else attempt.reset_at end`,
        }),
      )
      .returning(['key_hash', 'count', 'reset_at']),
)

/** Rows that one code or refresh token leaves of each refusal in a day: an agent may present it as often as it likes, and more say nothing new. */
const refusedRows = { window: 86_400, most: 100 }

/** Counts a refusal of what has this hash; whether enough of them stand in the audit. */
export async function isOneTooMany(statement: Statement, refusal: string, of: string): Promise<boolean> {
  const keyHash = createHash('sha256').update(`${refusal} ${of}`).digest()
  const counted = await count(statement, keyHash, refusedRows.window)
  return counted.count > refusedRows.most
}

/** What nothing is counted of any more leaves no row. */
export async function forgiveAttempt({ db }: Unit, key: string): Promise<void> {
  const of = hashBytes(key)
  const last = await db
    .deleteFrom('attempt')
    .where('key_hash', '=', of)
    .where('count', '<=', 1)
    .returning('key_hash')
    .executeTakeFirst()
  if (last) return
  await db
    .updateTable('attempt')
    .set((e) => ({ count: e('count', '-', 1) }))
    .where('key_hash', '=', of)
    .execute()
}

export async function clearAttempts({ db }: Statement, key: string): Promise<void> {
  await db.deleteFrom('attempt').where('key_hash', '=', hashBytes(key)).execute()
}

export async function rememberDevice(statement: Statement, { userId, browserHash }: Device): Promise<void> {
  const { db, clock } = statement
  await db
    .insertInto('known_device')
    .columns(['user_id', 'browser_hash', 'last_seen_at'])
    .expression(
      userIdOf(statement, userId).select([
        sql.val(hashBytes(browserHash)).as('browser_hash'),
        clock.as('last_seen_at'),
      ]),
    )
    .onConflict((conflict) => conflict.columns(['user_id', 'browser_hash']).doUpdateSet({ last_seen_at: clock }))
    .execute()
}

export async function isKnownDevice(statement: Statement, { userId, browserHash }: Device): Promise<boolean> {
  const row = await statement.db
    .selectFrom('known_device')
    .select('user_id')
    .where('user_id', '=', userIdOf(statement, userId))
    .where('browser_hash', '=', hashBytes(browserHash))
    .executeTakeFirst()
  return row !== undefined
}
