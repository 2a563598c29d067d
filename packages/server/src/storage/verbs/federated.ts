import { randomBytes } from 'node:crypto'
import type { FederatedIdentity, FederatedUnlinking, LinkedIdentity, NewFederatedUser } from '../api/account-storage.js'
import type { User } from '../api/user.js'
import { writeEvent } from '../rows/audit.js'
import { listFactors, lockAsRead, lockUser, toUser, userIdOf, users } from '../rows/users.js'
import type { Statement, Unit } from '../sql/engine.js'
import { addUser } from './accounts.js'
import { recordCredentialChange } from './sessions.js'

export async function findFederatedUser(statement: Statement, identity: FederatedIdentity): Promise<User | undefined> {
  const row = await findRow(statement, identity)
  return row && toUser(row)
}

function findRow(statement: Statement, { issuer, subject }: FederatedIdentity) {
  return users(statement)
    .innerJoin('federated_identity as f', 'f.user_id', 'u.id')
    .select('f.created_at as linked_at')
    .where('f.issuer', '=', issuer)
    .where('f.subject', '=', subject)
    .executeTakeFirst()
}

export async function createFederatedUser(
  unit: Unit,
  user: NewFederatedUser,
): Promise<{ user: User; created: boolean; linkedAt: number }> {
  await unit.exclusive(identityLock(user))
  const known = await findRow(unit, user)
  if (known) return { user: toUser(known), created: false, linkedAt: known.linked_at }
  const { issuer, username, displayName, email } = user
  for (const candidate of usernameCandidates(username)) {
    const created = await addUser(unit, { username: candidate, displayName, email })
    if (typeof created === 'string') continue
    await insertIdentity(unit, user, created.id)
    await writeEvent(unit, { event: 'user.created', userId: created.id, data: { issuer } })
    return { user: toUser(created), created: true, linkedAt: unit.now }
  }
  throw new TypeError('no username was left')
}

/**
 * Yields usernames to try for a user who did not choose one: first the preferred name, then the name with a number, then with a random
 * suffix.
 */
function* usernameCandidates(wished: string): Generator<string, void> {
  yield wished
  for (let number = 2; number <= 30; number += 1) yield `${wished}${number}`
  for (;;) yield `${wished}-${randomBytes(4).toString('hex')}`
}

/** Implements {@link AccountStorage.linkFederated}: linking an identity to the same user again changes nothing. */
export async function linkFederated(
  unit: Unit,
  link: FederatedIdentity & { userId: string },
): Promise<'linked' | 'taken' | 'unknown_user'> {
  await unit.exclusive(identityLock(link))
  const known = await findFederatedUser(unit, link)
  if (known) return known.id === link.userId ? 'linked' : 'taken'
  const user = await lockUser(unit, link.userId)
  if (!user || user.closed_at !== null) return 'unknown_user'
  await insertIdentity(unit, link, user.id)
  await recordCredentialChange(unit, user.id, { event: 'identity.linked', data: { issuer: link.issuer } })
  return 'linked'
}

/** Implements {@link AccountStorage.unlinkFederated}. */
export async function unlinkFederated(
  unit: Unit,
  { issuer, subject, otherWays, ...read }: FederatedUnlinking,
): Promise<'unlinked' | 'only_way' | 'unknown' | 'changed'> {
  const user = await lockAsRead(unit, read)
  if (!user) return 'changed'
  const identities = await listFederated(unit, read.userId)
  const others = identities.filter((identity) => identity.issuer !== issuer || identity.subject !== subject)
  if (others.length === identities.length) return 'unknown'
  const factors = await listFactors(unit, read.userId)
  const hasOther =
    others.some((identity) => otherWays.issuers.includes(identity.issuer)) ||
    factors.some(({ kind }) => kind === 'password' || (kind === 'passkey' && otherWays.passkey))
  if (!hasOther) return 'only_way'
  await unit.db.deleteFrom('federated_identity').where('issuer', '=', issuer).where('subject', '=', subject).execute()
  await recordCredentialChange(unit, user.id, { event: 'identity.unlinked', data: { issuer } })
  return 'unlinked'
}

function identityLock({ issuer, subject }: FederatedIdentity): string {
  return `identity ${JSON.stringify([issuer, subject])}`
}

/** Implements {@link AccountStorage.listFederated}: oldest first. */
export async function listFederated(statement: Statement, userId: string): Promise<LinkedIdentity[]> {
  const rows = await statement.db
    .selectFrom('federated_identity')
    .selectAll()
    .where('user_id', '=', userIdOf(statement, userId))
    .orderBy('created_at')
    .execute()
  return rows.map(({ issuer, subject, created_at }) => ({ issuer, subject, createdAt: created_at }))
}

async function insertIdentity(
  { db, now }: Unit,
  { issuer, subject }: FederatedIdentity,
  userId: number,
): Promise<void> {
  await db.insertInto('federated_identity').values({ issuer, subject, user_id: userId, created_at: now }).execute()
}
