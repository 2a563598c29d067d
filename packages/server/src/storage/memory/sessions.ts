import { generateId } from '../generate-id.js'
import type { ListedSession, NewSession, Reauthentication, Session } from '../session-storage.js'
import { writeEvent } from './audit.js'
import { deleteWhere } from './delete-where.js'
import type { MemoryUnit, StoredSession } from './tables.js'

const seenEvery = 60

export function createSession(unit: MemoryUnit, session: NewSession): Session {
  const { tables, now } = unit
  if (tables.users.get(session.userId)?.user.status !== 'active') {
    throw new TypeError('a session needs an active user')
  }
  if (tables.sessions.has(session.idHash)) throw new TypeError('a session id is used twice')
  const expiresAt = now + session.lifetime
  const stored: StoredSession = {
    id: generateId(),
    userId: session.userId,
    createdAt: now,
    authTime: Math.min(now, session.authTime ?? now),
    amr: [...(session.amr ?? [])],
    lastSeenAt: now,
    idleSeconds: session.idleSeconds,
    idleExpiresAt: Math.min(now + session.idleSeconds, expiresAt),
    expiresAt,
    ip: session.ip ?? null,
    userAgent: session.userAgent ?? null,
  }
  tables.sessions.set(session.idHash, stored)
  writeEvent(unit, {
    event: 'session.created',
    userId: stored.userId,
    ip: session.ip,
    data: { userAgent: session.userAgent ?? null },
  })
  return toSession(unit, stored)
}

export function findSession(unit: MemoryUnit, idHash: string): Session | undefined {
  const { now } = unit
  const session = findLive(unit, idHash)
  if (!session) return undefined
  if (session.lastSeenAt <= now - seenEvery) {
    session.lastSeenAt = now
    session.idleExpiresAt = Math.min(now + session.idleSeconds, session.expiresAt)
  }
  return toSession(unit, session)
}

function findLive({ tables, now }: MemoryUnit, idHash: string): StoredSession | undefined {
  const session = tables.sessions.get(idHash)
  if (!session || session.idleExpiresAt <= now) return undefined
  return tables.users.get(session.userId)?.user.status === 'active' ? session : undefined
}

function toSession({ tables }: MemoryUnit, { id, userId, authTime, amr, expiresAt }: StoredSession): Session {
  const stored = tables.users.get(userId)
  if (!stored) throw new TypeError('a session has lost its user')
  return { id, user: { ...stored.user }, authTime, amr: [...amr], expiresAt }
}

export function endSession(unit: MemoryUnit, idHash: string): void {
  const session = unit.tables.sessions.get(idHash)
  if (!session) return
  unit.tables.sessions.delete(idHash)
  writeEvent(unit, { event: 'session.ended', userId: session.userId })
}

export function listSessions(
  { tables, now }: MemoryUnit,
  { userId, currentIdHash }: { userId: string; currentIdHash?: string | undefined },
): ListedSession[] {
  return [...tables.sessions]
    .filter(([, session]) => session.userId === userId && session.idleExpiresAt > now)
    .sort(([, a], [, b]) => b.lastSeenAt - a.lastSeenAt || (a.id < b.id ? 1 : -1))
    .map(([idHash, session]) => ({ ...toListedSession(session), current: idHash === currentIdHash }))
}

function toListedSession(session: StoredSession): Omit<ListedSession, 'current'> {
  const { userId: _, idleSeconds: _seconds, idleExpiresAt: _end, ...listed } = session
  return { ...listed, amr: [...listed.amr] }
}

export function endSessionById(unit: MemoryUnit, { userId, id }: { userId: string; id: string }): boolean {
  const ended = deleteWhere(unit.tables.sessions, (session) => session.userId === userId && session.id === id)
  if (ended > 0) writeEvent(unit, { event: 'session.ended', userId, data: { session: id } })
  return ended > 0
}

export function endSessions(
  unit: MemoryUnit,
  { userId, exceptIdHash }: { userId: string; exceptIdHash?: string | undefined },
): number {
  const ended = removeSessions(unit, userId, exceptIdHash)
  if (ended > 0) writeEvent(unit, { event: 'sessions.ended', userId, data: { count: ended } })
  return ended
}

/** Without an audit row: for verbs that write their own. */
export function removeSessions({ tables }: MemoryUnit, userId: string, exceptIdHash?: string): number {
  return deleteWhere(tables.sessions, (session, idHash) => session.userId === userId && idHash !== exceptIdHash)
}

export function reauthenticate(unit: MemoryUnit, { idHash, newIdHash, amr }: Reauthentication): Session | undefined {
  const { tables, now } = unit
  const session = findLive(unit, idHash)
  if (!session) return undefined
  if (tables.sessions.has(newIdHash)) throw new TypeError('a session id is used twice')
  session.authTime = now
  session.lastSeenAt = now
  session.idleExpiresAt = Math.min(now + session.idleSeconds, session.expiresAt)
  if (amr) session.amr = [...amr]
  tables.sessions.delete(idHash)
  tables.sessions.set(newIdHash, session)
  writeEvent(unit, { event: 'session.reauthenticated', userId: session.userId })
  return toSession(unit, session)
}
