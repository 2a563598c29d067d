import type { NewSession, Session } from '../storage.js'
import { findUser, toUser, users } from './accounts.js'
import { writeEvent } from './audit.js'
import type { Unit } from './unit.js'

const seenEvery = 60

export async function createSession(unit: Unit, session: NewSession): Promise<Session> {
  const { db, tenant, now } = unit
  const user = await findUser(unit, session.userId)
  if (user?.status !== 'active') throw new TypeError('a session needs an active user')
  const expiresAt = now + session.lifetime
  await db
    .insertInto('session')
    .values({
      tenant_id: tenant,
      id_hash: session.idHash,
      user_id: user.id,
      auth_time: now,
      last_seen_at: now,
      idle_seconds: session.idleSeconds,
      idle_expires_at: Math.min(now + session.idleSeconds, expiresAt),
      expires_at: expiresAt,
      ip: session.ip ?? null,
      user_agent: session.userAgent ?? null,
    })
    .execute()
  await writeEvent(unit, { event: 'session.created', userId: user.id, ip: session.ip })
  return { user, authTime: now, expiresAt }
}

export async function findSession(unit: Unit, idHash: string): Promise<Session | undefined> {
  const { db, tenant, now } = unit
  const row = await users(unit)
    .innerJoin('session as e', (join) => join.onRef('e.tenant_id', '=', 'u.tenant_id').onRef('e.user_id', '=', 'u.id'))
    .select(['e.auth_time', 'e.expires_at', 'e.last_seen_at', 'e.idle_seconds'])
    .where('e.id_hash', '=', idHash)
    .where('e.idle_expires_at', '>', now)
    .where('u.status', '=', 'active')
    .executeTakeFirst()
  if (!row) return undefined
  if (row.last_seen_at <= now - seenEvery) {
    await db
      .updateTable('session')
      .set({ last_seen_at: now, idle_expires_at: Math.min(now + row.idle_seconds, row.expires_at) })
      .where('tenant_id', '=', tenant)
      .where('id_hash', '=', idHash)
      .where('last_seen_at', '<=', now - seenEvery)
      .execute()
  }
  return { user: toUser(row), authTime: row.auth_time, expiresAt: row.expires_at }
}

export async function endSession(unit: Unit, idHash: string): Promise<void> {
  const { db, tenant } = unit
  const ended = await db
    .deleteFrom('session')
    .where('tenant_id', '=', tenant)
    .where('id_hash', '=', idHash)
    .returning('user_id')
    .executeTakeFirst()
  if (ended) await writeEvent(unit, { event: 'session.ended', userId: ended.user_id })
}
