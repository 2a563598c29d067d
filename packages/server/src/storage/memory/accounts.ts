import { randomUUID } from 'node:crypto'
import type { Credential, NewUser, PasswordChange, User, UserFilter } from '../account-storage.js'
import { isClosedUsername } from '../closed-username.js'
import { doneBy } from '../done-by.js'
import { foldUsername } from '../fold-username.js'
import { generateId } from '../generate-id.js'
import { StorageError } from '../storage-error.js'
import { writeEvent } from './audit.js'
import { deleteWhere } from './delete-where.js'
import { removeSessions } from './sessions.js'
import type { MemoryUnit } from './tables.js'

export function createUser(unit: MemoryUnit, user: NewUser): User {
  const created = addUser(unit, user)
  if (!created) throw new StorageError('username_taken', 'the user name is in use')
  writeEvent(unit, { event: 'user.created', userId: created.id, data: doneBy(user.by) })
  return created
}

/** Adds a person unless the name is in use. */
export function addUser(
  { tables, now }: MemoryUnit,
  { username, displayName, email, passwordHash }: Omit<NewUser, 'passwordHash'> & { passwordHash?: string },
): User | undefined {
  const key = foldUsername(username)
  if (isClosedUsername(username) || tables.userIds.has(key)) return undefined
  const user: User = {
    id: generateId(),
    username,
    displayName: displayName ?? null,
    email: email ?? null,
    status: 'active',
    sub: randomUUID(),
    createdAt: now,
  }
  tables.users.set(user.id, { user, passwordHash: passwordHash ?? null })
  tables.userIds.set(key, user.id)
  return { ...user }
}

export function findUser({ tables }: MemoryUnit, userId: string): User | undefined {
  const stored = tables.users.get(userId)
  return stored && { ...stored.user }
}

export function findCredential({ tables }: MemoryUnit, username: string): Credential | undefined {
  const stored = tables.users.get(tables.userIds.get(foldUsername(username)) ?? '')
  return stored && stored.passwordHash !== null
    ? { user: { ...stored.user }, passwordHash: stored.passwordHash }
    : undefined
}

export function listUsers({ tables }: MemoryUnit, filter: UserFilter = {}): User[] {
  const { query, status, after = '', limit = 100 } = filter
  const part = query === undefined ? '' : foldUsername(query)
  return [...tables.users.values()]
    .filter(({ user }) => (status === undefined ? user.status !== 'closed' : user.status === status))
    .filter(({ user }) => [user.username, user.email ?? ''].some((text) => foldUsername(text).includes(part)))
    .filter(({ user }) => user.id > after)
    .sort((a, b) => (a.user.id < b.user.id ? -1 : 1))
    .slice(0, limit)
    .map(({ user }) => ({ ...user }))
}

export function countUsers({ tables }: MemoryUnit): number {
  return [...tables.users.values()].filter(({ user }) => user.status !== 'closed').length
}

export function setUserStatus(unit: MemoryUnit, userId: string, status: 'active' | 'disabled', by?: string): boolean {
  const user = unit.tables.users.get(userId)?.user
  if (!user || user.status === 'closed') return false
  if (user.status === status) return true
  user.status = status
  if (status === 'disabled') removeSessions(unit, userId)
  writeEvent(unit, { event: status === 'disabled' ? 'user.disabled' : 'user.enabled', userId, data: doneBy(by) })
  return true
}

export function setPasswordHash(unit: MemoryUnit, { userId, passwordHash, keepSession, by }: PasswordChange): boolean {
  const stored = unit.tables.users.get(userId)
  if (!stored || stored.user.status === 'closed') return false
  stored.passwordHash = passwordHash
  deleteWhere(unit.tables.devices, (device) => device.userId === userId)
  const ended = removeSessions(unit, userId, keepSession)
  writeEvent(unit, { event: 'password.changed', userId, data: { sessionsEnded: ended, ...doneBy(by) } })
  return true
}
