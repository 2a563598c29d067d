import type { FederatedIdentity, LinkedIdentity, NewFederatedUser, User } from '../account-storage.js'
import { usernameCandidates } from '../username-candidates.js'
import { addUser, findUser } from './accounts.js'
import { writeEvent } from './audit.js'
import type { MemoryUnit } from './tables.js'

export function findFederatedUser(unit: MemoryUnit, identity: FederatedIdentity): User | undefined {
  const stored = unit.tables.identities.get(keyOf(identity))
  return stored && findUser(unit, stored.userId)
}

export function createFederatedUser(unit: MemoryUnit, user: NewFederatedUser): { user: User; created: boolean } {
  const known = findFederatedUser(unit, user)
  if (known) return { user: known, created: false }
  const { issuer, subject, username, displayName, email } = user
  for (const candidate of usernameCandidates(username)) {
    const created = addUser(unit, { username: candidate, displayName, email })
    if (!created) continue
    unit.tables.identities.set(keyOf(user), { issuer, subject, userId: created.id, createdAt: unit.now })
    writeEvent(unit, { event: 'user.created', userId: created.id, data: { issuer } })
    return { user: created, created: true }
  }
  throw new TypeError('no user name was left')
}

export function linkFederated(
  unit: MemoryUnit,
  { issuer, subject, userId }: FederatedIdentity & { userId: string },
): 'linked' | 'taken' | 'unknown_user' {
  const { identities, users } = unit.tables
  const known = identities.get(keyOf({ issuer, subject }))
  if (known) return known.userId === userId ? 'linked' : 'taken'
  if ((users.get(userId)?.user.status ?? 'closed') === 'closed') return 'unknown_user'
  identities.set(keyOf({ issuer, subject }), { issuer, subject, userId, createdAt: unit.now })
  writeEvent(unit, { event: 'identity.linked', userId, data: { issuer } })
  return 'linked'
}

export function listFederated({ tables }: MemoryUnit, userId: string): LinkedIdentity[] {
  return [...tables.identities.values()]
    .filter((identity) => identity.userId === userId)
    .map(({ issuer, subject, createdAt }) => ({ issuer, subject, createdAt }))
}

function keyOf({ issuer, subject }: FederatedIdentity): string {
  return JSON.stringify([issuer, subject])
}
