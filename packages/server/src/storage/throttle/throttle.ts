import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { userIdOf } from '../accounts/users.js'
import type { Statement } from '../engines/engine.js'
import { hashBytes } from '../engines/stored-bytes.js'
import type { AttemptCount, Device } from './throttle-storage.js'

export async function countAttempt(
  statement: Statement,
  { key, window }: { key: string; window: number },
): Promise<AttemptCount> {
  return count(statement, hashBytes(key), window)
}

async function count({ db, clock }: Statement, keyHash: Uint8Array, window: number): Promise<AttemptCount> {
  const end = sql<number>`${clock} + ${window}`
  const row = await db
    .insertInto('attempt')
    .values({ key_hash: keyHash, count: 1, reset_at: end })
    .onConflict((conflict) =>
      conflict.column('key_hash').doUpdateSet({
        count: sql`case when attempt.reset_at <= ${clock} then 1 else attempt.count + 1 end`,
        reset_at: sql`case when attempt.reset_at <= ${clock} then ${end} else attempt.reset_at end`,
      }),
    )
    .returning(['count', 'reset_at'])
    .executeTakeFirstOrThrow()
  return { count: row.count, resetAt: row.reset_at }
}

/** Rows that one code or refresh token leaves of each refusal in a day: an agent may present it as often as it likes, and more say nothing new. */
const refusedRows = { window: 86_400, most: 100 }

/** Counts a refusal of what has this hash; whether enough of them stand in the audit. */
export async function isOneTooMany(statement: Statement, refusal: string, of: string): Promise<boolean> {
  const keyHash = createHash('sha256').update(`${refusal} ${of}`).digest()
  const counted = await count(statement, keyHash, refusedRows.window)
  return counted.count > refusedRows.most
}

export async function forgiveAttempt({ db }: Statement, key: string): Promise<void> {
  await db
    .updateTable('attempt')
    .set((e) => ({ count: e('count', '-', 1) }))
    .where('key_hash', '=', hashBytes(key))
    .where('count', '>', 0)
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
