import { closedUsername } from '../closed-username.js'
import { foldUsername } from '../fold-username.js'
import { writeEvent } from './audit.js'
import { deleteWhere } from './delete-where.js'
import { revokeGrants } from './grants.js'
import { removeSessions } from './sessions.js'
import type { MemoryUnit } from './tables.js'

export function closeAccount(unit: MemoryUnit, userId: string): boolean {
  const { users, userIds, identities, passkeys, devices, requests } = unit.tables
  const stored = users.get(userId)
  if (!stored || stored.user.status === 'closed') return false
  revokeGrants(unit, { userId, by: 'account.closed' })
  removeSessions(unit, userId)
  for (const rows of [identities, passkeys, devices])
    deleteWhere<{ userId: string }>(rows, (row) => row.userId === userId)
  for (const request of requests.values()) {
    if (request.userId === userId && request.status === 'open') request.status = 'abandoned'
  }
  userIds.delete(foldUsername(stored.user.username))
  const username = closedUsername(userId)
  Object.assign(stored.user, { username, displayName: null, email: null, status: 'closed' })
  stored.passwordHash = null
  userIds.set(foldUsername(username), userId)
  writeEvent(unit, { event: 'account.closed', userId })
  return true
}
