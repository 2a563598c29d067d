import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { InvalidatedByRestore } from '../api/deployment-storage.js'
import { actorOf, writeEvent } from '../rows/audit.js'
import type { Statement, Unit } from '../sql/engine.js'
import { onlyOf } from '../sql/kept-query.js'

/** Number of seconds for which a server that was started before a shorter token lifetime was configured may keep running. */
const overlap = 3600

/** Uses one statement, so that if two claims run concurrently, the second one finds the row of the first. */
export async function claimIssuer({ db, clock }: Statement, issuer: string, tokenLifetime?: number): Promise<string> {
  const claimed = await db
    .insertInto('deployment')
    .values({ id: 1, issuer, written_at: clock, token_seconds: tokenLifetime })
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet({
        written_at: clock,
        ...(tokenLifetime !== undefined && longestLife(issuer, tokenLifetime, clock)),
      }),
    )
    .returning('issuer')
    .executeTakeFirstOrThrow()
  return claimed.issuer
}

/** Implements {@link DeploymentStorage.findIssuer}: undefined if no issuer has claimed the database. */
export async function findIssuer({ db }: Statement): Promise<string | undefined> {
  const found = await db.selectFrom('deployment').select('issuer').executeTakeFirst()
  return found?.issuer
}

/**
 * Returns the columns that a token lifetime changes. A longer lifetime takes effect immediately; a shorter one takes effect once no token
 * with the longer lifetime is left.
 */
function longestLife(issuer: string, tokenLifetime: number, clock: RawBuilder<number>) {
  const isForeign = sql<SqlBool>`deployment.issuer <> ${issuer}`
  const holds = sql<SqlBool>`coalesce(deployment.token_seconds, 0) <= ${tokenLifetime}
    or deployment.token_seconds_until_at <= ${clock}`
  const until = sql<number | null>`deployment.token_seconds_until_at`
  return {
    token_seconds: sql<number>`case when ${isForeign} then deployment.token_seconds
      when ${holds} then ${tokenLifetime} else deployment.token_seconds end`,
    token_seconds_until_at: sql<number | null>`case when ${isForeign} then ${until} when ${holds} then null
      else coalesce(${until}, ${clock} + deployment.token_seconds + ${overlap}) end`,
  }
}

/** Implements {@link DeploymentStorage.findLongestTokenLifetime}: returns seconds; undefined if no server has reported a lifetime. */
export async function findLongestTokenLifetime({ db, clock }: Statement): Promise<number | undefined> {
  const found = await db
    .selectFrom('deployment')
    .select('token_seconds')
    .where((e) => e.or([e('token_seconds_until_at', 'is', null), e('token_seconds_until_at', '>', clock)]))
    .executeTakeFirst()
  return found?.token_seconds ?? undefined
}

/** Implements {@link DeploymentStorage.readClock}: returns Unix seconds. */
export async function readClock({ db, clock }: Statement): Promise<number> {
  const { rows } = await sql<{ now: number }>`select ${clock} as now`.execute(db)
  return onlyOf(rows).now
}

/**
 * Implements {@link DeploymentStorage.invalidateRestored}: returns how many sessions, requests, codes, refresh tokens and devices were still valid.
 */
export async function invalidateRestored(unit: Unit, by: string): Promise<InvalidatedByRestore> {
  const { db, now } = unit
  await db
    .updateTable('app_user')
    .set((e) => ({ credential_revision: e('credential_revision', '+', 1) }))
    .execute()
  const sessions = await db.deleteFrom('session').where('idle_expires_at', '>', now).executeTakeFirst()
  // A request may have been decided since the backup. Its code, which is derived from the request's id, would work a second time.
  const requests = await db
    .updateTable('auth_request')
    .set({ status: 'abandoned' })
    .where('status', '=', 'open')
    .where('expires_at', '>', now)
    .executeTakeFirst()
  const codes = await db
    .updateTable('code')
    .set({ expires_at: now })
    .where('expires_at', '>', now)
    .where('consumed_at', 'is', null)
    .executeTakeFirst()
  const refreshTokens = await db
    .updateTable('refresh_token')
    .set({ revoked_at: now })
    .where('idle_expires_at', '>', now)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  // Links that were used since the backup would work a second time, and emails would be sent again.
  await db.deleteFrom('one_time_link').execute()
  await db.deleteFrom('email').execute()
  await db.updateTable('agent').set({ notified_up_to: null }).where('notified_up_to', 'is not', null).execute()
  await db.deleteFrom('device').where('connected_at', 'is', null).execute()
  // Disconnected devices came back, too.
  const devices = await db
    .updateTable('device')
    .set({ disconnected_at: now })
    .where('disconnected_at', 'is', null)
    .executeTakeFirst()
  const ended = {
    sessions: Number(sessions.numDeletedRows),
    requests: Number(requests.numUpdatedRows),
    codes: Number(codes.numUpdatedRows),
    refreshTokens: Number(refreshTokens.numUpdatedRows),
    devices: Number(devices.numUpdatedRows),
  }
  await writeEvent(unit, { event: 'database.restored', data: { ...ended, ...actorOf(by) } })
  return ended
}
