import { findUser, toUser, users } from '../accounts/users.js'
import { writeEvent } from '../audit/audit.js'
import { generateId } from '../engines/generate-id.js'
import type { SessionRow } from '../engines/tables.js'
import type { Unit } from '../engines/unit.js'
import { removeSessions } from './remove-sessions.js'
import type { AuthenticationMethod, ListedSession, NewSession, Reauthentication, Session } from './session-storage.js'

const seenEvery = 60

export async function createSession(unit: Unit, session: NewSession): Promise<Session> {
  const { db, tenant, now } = unit
  const user = await findUser(unit, session.userId)
  if (user?.status !== 'active') throw new TypeError('a session needs an active user')
  const expiresAt = now + session.lifetime
  const authTime = Math.min(now, session.authTime ?? now)
  const { id, amr } = await db
    .insertInto('session')
    .values({
      tenant_id: tenant,
      id_hash: session.idHash,
      id: generateId(),
      user_id: user.id,
      created_at: now,
      auth_time: authTime,
      amr: session.amr?.join(' ') ?? null,
      last_seen_at: now,
      idle_seconds: session.idleSeconds,
      idle_expires_at: Math.min(now + session.idleSeconds, expiresAt),
      expires_at: expiresAt,
      ip: session.ip ?? null,
      user_agent: session.userAgent ?? null,
    })
    .returning(['id', 'amr'])
    .executeTakeFirstOrThrow()
  await writeEvent(unit, {
    event: 'session.created',
    userId: user.id,
    ip: session.ip,
    data: { userAgent: session.userAgent ?? null },
  })
  await endOldest(unit, user.id, session)
  return { id, user, authTime, amr: toMethods(amr), expiresAt }
}

async function endOldest(unit: Unit, userId: string, { idHash, most }: NewSession): Promise<void> {
  const { db, tenant, now } = unit
  const ended = await db
    .deleteFrom('session')
    .where('tenant_id', '=', tenant)
    .where('id_hash', 'in', (e) =>
      e
        .selectFrom('session')
        .select('id_hash')
        .where('tenant_id', '=', tenant)
        .where('user_id', '=', userId)
        .where('id_hash', '!=', idHash)
        .where('idle_expires_at', '>', now)
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(Number.MAX_SAFE_INTEGER)
        .offset(most - 1),
    )
    .returning('id')
    .execute()
  for (const { id } of ended) {
    await writeEvent(unit, { event: 'session.ended', userId, data: { session: id, by: 'limit' } })
  }
}

export async function findSession(unit: Unit, idHash: string): Promise<Session | undefined> {
  const { db, tenant, now } = unit
  const row = await findLive(unit, idHash)
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
  return toSession(row)
}

type LiveRow = NonNullable<Awaited<ReturnType<typeof findLive>>>

function findLive(unit: Unit, idHash: string) {
  return users(unit)
    .innerJoin('session as e', (join) => join.onRef('e.tenant_id', '=', 'u.tenant_id').onRef('e.user_id', '=', 'u.id'))
    .select(['e.id as session_id', 'e.auth_time', 'e.amr', 'e.expires_at', 'e.last_seen_at', 'e.idle_seconds'])
    .where('e.id_hash', '=', idHash)
    .where('e.idle_expires_at', '>', unit.now)
    .where('u.status', '=', 'active')
    .executeTakeFirst()
}

function toSession(row: LiveRow): Session {
  return {
    id: row.session_id,
    user: toUser(row),
    authTime: row.auth_time,
    amr: toMethods(row.amr),
    expiresAt: row.expires_at,
  }
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

export async function listSessions(
  { db, tenant, now }: Unit,
  { userId, currentIdHash }: { userId: string; currentIdHash?: string | undefined },
): Promise<ListedSession[]> {
  const rows = await db
    .selectFrom('session')
    .selectAll()
    .where('tenant_id', '=', tenant)
    .where('user_id', '=', userId)
    .where('idle_expires_at', '>', now)
    .orderBy('last_seen_at', 'desc')
    .orderBy('id', 'desc')
    .execute()
  return rows.map((row) => ({ ...toListedSession(row), current: row.id_hash === currentIdHash }))
}

function toListedSession(row: SessionRow): Omit<ListedSession, 'current'> {
  return {
    id: row.id,
    createdAt: row.created_at,
    lastSeenAt: row.last_seen_at,
    authTime: row.auth_time,
    amr: toMethods(row.amr),
    expiresAt: row.expires_at,
    ip: row.ip,
    userAgent: row.user_agent,
  }
}

export async function endSessionById(unit: Unit, { userId, id }: { userId: string; id: string }): Promise<boolean> {
  const { db, tenant } = unit
  const ended = await db
    .deleteFrom('session')
    .where('tenant_id', '=', tenant)
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .returning('id')
    .executeTakeFirst()
  if (!ended) return false
  await writeEvent(unit, { event: 'session.ended', userId, data: { session: id } })
  return true
}

export async function endSessions(
  unit: Unit,
  { userId, exceptIdHash }: { userId: string; exceptIdHash?: string | undefined },
): Promise<number> {
  const ended = await removeSessions(unit, userId, exceptIdHash)
  if (ended > 0) await writeEvent(unit, { event: 'sessions.ended', userId, data: { count: ended } })
  return ended
}

export async function reauthenticate(unit: Unit, renewal: Reauthentication): Promise<Session | undefined> {
  const { db, tenant, now } = unit
  const row = await findLive(unit, renewal.idHash)
  if (!row) return undefined
  const amr = renewal.amr?.join(' ') ?? row.amr
  const renewed = await db
    .updateTable('session')
    .set({
      id_hash: renewal.newIdHash,
      auth_time: now,
      amr,
      last_seen_at: now,
      idle_expires_at: Math.min(now + row.idle_seconds, row.expires_at),
    })
    .where('tenant_id', '=', tenant)
    .where('id_hash', '=', renewal.idHash)
    .returning('id')
    .executeTakeFirst()
  if (!renewed) return undefined
  await writeEvent(unit, { event: 'session.reauthenticated', userId: row.id })
  return toSession({ ...row, auth_time: now, amr })
}

function toMethods(amr: string | null): AuthenticationMethod[] {
  return (amr ?? '').split(' ').filter((method) => method === 'pwd' || method === 'oidc' || method === 'webauthn')
}
