import type { Unit } from '../engines/unit.js'
import { refusedRows } from './refused-rows.js'
import type { AttemptCount, Device } from './throttle-storage.js'

export async function countAttempt(
  { db, tenant, now }: Unit,
  { key, window }: { key: string; window: number },
): Promise<AttemptCount> {
  const row = await db
    .insertInto('attempt')
    .values({ tenant_id: tenant, key, count: 1, reset_at: now + window })
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'key']).doUpdateSet((e) => ({
        count: e
          .case()
          .when('attempt.reset_at', '<=', now)
          .then(1)
          .else(e('attempt.count', '+', 1))
          .end(),
        reset_at: e
          .case()
          .when('attempt.reset_at', '<=', now)
          .then(now + window)
          .else(e.ref('attempt.reset_at'))
          .end(),
      })),
    )
    .returning(['count', 'reset_at'])
    .executeTakeFirstOrThrow()
  return { count: row.count, resetAt: row.reset_at }
}

/** Counts a refusal; whether enough of them stand in the audit. */
export async function isOneTooMany(unit: Unit, refused: string): Promise<boolean> {
  const { count } = await countAttempt(unit, { key: refused, window: refusedRows.window })
  return count > refusedRows.most
}

export async function forgiveAttempt({ db, tenant }: Unit, key: string): Promise<void> {
  await db
    .updateTable('attempt')
    .set((e) => ({ count: e('count', '-', 1) }))
    .where('tenant_id', '=', tenant)
    .where('key', '=', key)
    .where('count', '>', 0)
    .execute()
}

export async function clearAttempts({ db, tenant }: Unit, key: string): Promise<void> {
  await db.deleteFrom('attempt').where('tenant_id', '=', tenant).where('key', '=', key).execute()
}

export async function rememberDevice({ db, tenant, now }: Unit, { userId, browserHash }: Device): Promise<void> {
  await db
    .insertInto('known_device')
    .values({ tenant_id: tenant, user_id: userId, browser_hash: browserHash, last_seen_at: now })
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'user_id', 'browser_hash']).doUpdateSet({ last_seen_at: now }),
    )
    .execute()
}

export async function isKnownDevice({ db, tenant }: Unit, { userId, browserHash }: Device): Promise<boolean> {
  const row = await db
    .selectFrom('known_device')
    .select('user_id')
    .where('tenant_id', '=', tenant)
    .where('user_id', '=', userId)
    .where('browser_hash', '=', browserHash)
    .executeTakeFirst()
  return row !== undefined
}
