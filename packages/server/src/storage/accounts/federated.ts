import { writeEvent } from '../audit/audit.js'
import type { Unit } from '../engines/unit.js'
import type { FederatedIdentity, LinkedIdentity, NewFederatedUser, User } from './account-storage.js'
import { addUser } from './accounts.js'
import { usernameCandidates } from './username-candidates.js'
import { findUser, toUser, users } from './users.js'

export async function findFederatedUser(unit: Unit, { issuer, subject }: FederatedIdentity): Promise<User | undefined> {
  const row = await users(unit)
    .innerJoin('federated_identity as f', (join) =>
      join.onRef('f.tenant_id', '=', 'u.tenant_id').onRef('f.user_id', '=', 'u.id'),
    )
    .where('f.issuer', '=', issuer)
    .where('f.subject', '=', subject)
    .executeTakeFirst()
  return row && toUser(row)
}

export async function createFederatedUser(
  unit: Unit,
  user: NewFederatedUser,
): Promise<{ user: User; created: boolean }> {
  const known = await findFederatedUser(unit, user)
  if (known) return { user: known, created: false }
  const { issuer, username, displayName, email } = user
  for (const candidate of usernameCandidates(username)) {
    const created = await addUser(unit, { username: candidate, displayName, email })
    if (typeof created === 'string') continue
    await insertIdentity(unit, user, created.id)
    await writeEvent(unit, { event: 'user.created', userId: created.id, data: { issuer } })
    return { user: created, created: true }
  }
  throw new TypeError('no user name was left')
}

export async function linkFederated(
  unit: Unit,
  link: FederatedIdentity & { userId: string },
): Promise<'linked' | 'taken' | 'unknown_user'> {
  const { issuer, userId } = link
  const known = await findFederatedUser(unit, link)
  if (known) return known.id === userId ? 'linked' : 'taken'
  if (((await findUser(unit, userId))?.status ?? 'closed') === 'closed') return 'unknown_user'
  await insertIdentity(unit, link, userId)
  await writeEvent(unit, { event: 'identity.linked', userId, data: { issuer } })
  return 'linked'
}

export async function listFederated({ db, tenant }: Unit, userId: string): Promise<LinkedIdentity[]> {
  const rows = await db
    .selectFrom('federated_identity')
    .selectAll()
    .where('tenant_id', '=', tenant)
    .where('user_id', '=', userId)
    .orderBy('created_at')
    .execute()
  return rows.map(({ issuer, subject, created_at }) => ({ issuer, subject, createdAt: created_at }))
}

async function insertIdentity(
  { db, tenant, now }: Unit,
  { issuer, subject }: FederatedIdentity,
  userId: string,
): Promise<void> {
  await db
    .insertInto('federated_identity')
    .values({ tenant_id: tenant, issuer, subject, user_id: userId, created_at: now })
    .execute()
}
