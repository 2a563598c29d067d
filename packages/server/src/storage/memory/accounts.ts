import { randomUUID } from 'node:crypto'
import { generateId } from '../generate-id.js'
import { type Credential, type NewSession, type NewUser, type Session, StorageError, type User } from '../storage.js'
import { writeEvent } from './audit.js'
import type { MemoryUnit } from './tables.js'

const seenEvery = 60

export function createUser(unit: MemoryUnit, user: NewUser): User {
  const { users, userIds } = unit.tables
  if (userIds.has(user.username)) throw new StorageError('username_taken', 'the user name is in use')
  const created: User = {
    id: generateId(),
    username: user.username,
    displayName: user.displayName ?? null,
    email: user.email ?? null,
    status: 'active',
    sub: randomUUID(),
  }
  users.set(created.id, { user: created, passwordHash: user.passwordHash })
  userIds.set(created.username, created.id)
  writeEvent(unit, { event: 'user.created', userId: created.id })
  return { ...created }
}

export function findCredential({ tables }: MemoryUnit, username: string): Credential | undefined {
  const stored = tables.users.get(tables.userIds.get(username) ?? '')
  return stored && { user: { ...stored.user }, passwordHash: stored.passwordHash }
}

export function setUserStatus(unit: MemoryUnit, userId: string, status: User['status']): boolean {
  const { users, sessions } = unit.tables
  const user = users.get(userId)?.user
  if (!user) return false
  if (user.status === status) return true
  user.status = status
  if (status === 'disabled') {
    for (const [idHash, session] of sessions) if (session.userId === userId) sessions.delete(idHash)
  }
  writeEvent(unit, { event: status === 'disabled' ? 'user.disabled' : 'user.enabled', userId })
  return true
}

export function createSession(unit: MemoryUnit, session: NewSession): Session {
  const { tables, now } = unit
  const user = tables.users.get(session.userId)?.user
  if (user?.status !== 'active') throw new TypeError('a session needs an active user')
  if (tables.sessions.has(session.idHash)) throw new TypeError('a session id is used twice')
  const expiresAt = now + session.lifetime
  tables.sessions.set(session.idHash, {
    userId: user.id,
    authTime: now,
    lastSeenAt: now,
    idleSeconds: session.idleSeconds,
    idleExpiresAt: Math.min(now + session.idleSeconds, expiresAt),
    expiresAt,
  })
  writeEvent(unit, { event: 'session.created', userId: user.id, ip: session.ip })
  return { user: { ...user }, authTime: now, expiresAt }
}

export function findSession({ tables, now }: MemoryUnit, idHash: string): Session | undefined {
  const session = tables.sessions.get(idHash)
  if (!session || session.idleExpiresAt <= now) return undefined
  const user = tables.users.get(session.userId)?.user
  if (user?.status !== 'active') return undefined
  if (session.lastSeenAt <= now - seenEvery) {
    session.lastSeenAt = now
    session.idleExpiresAt = Math.min(now + session.idleSeconds, session.expiresAt)
  }
  return { user: { ...user }, authTime: session.authTime, expiresAt: session.expiresAt }
}

export function endSession(unit: MemoryUnit, idHash: string): void {
  const session = unit.tables.sessions.get(idHash)
  if (!session) return
  unit.tables.sessions.delete(idHash)
  writeEvent(unit, { event: 'session.ended', userId: session.userId })
}
