import type { FoundLink, LinkStorage, NewLink } from '../api/link-storage.js'
import type { User } from '../api/user.js'
import { actorOf, writeEvent } from '../rows/audit.js'
import { type FoundUser, listFactors, lockOwner, lockUser, toUser, users } from '../rows/users.js'
import type { Statement, Unit } from '../sql/engine.js'
import { generateId, hashBytes, idText } from '../sql/kept-query.js'
import type { Row } from '../sql/tables.js'
import { replacePassword } from './accounts.js'
import { insertPasskey, recordNewPasskey } from './passkeys.js'

/** Implements {@link LinkStorage.createLink}. */
export async function createLink(unit: Unit, link: NewLink): Promise<'created' | 'has_factor' | 'unknown'> {
  const { userId, tokenHash, purpose, lifetime, sentTo, by } = link
  const user = await lockUser(unit, userId)
  if (!user || user.disabled_at !== null || (sentTo !== undefined && sentTo !== user.email)) return 'unknown'
  if (purpose === 'invite' && (await listFactors(unit, userId)).length > 0) return 'has_factor'
  const id = generateId()
  await unit.db
    .insertInto('one_time_link')
    .values({
      public_id: id,
      token_hash: hashBytes(tokenHash),
      user_id: user.id,
      purpose,
      expires_at: unit.now + lifetime,
    })
    .execute()
  const data = { link: idText(id), purpose, ...actorOf(by) }
  await writeEvent(unit, { event: 'link.created', userId: user.id, data })
  return 'created'
}

/** Implements {@link LinkStorage.findLink}. A disabled user has no links: disabling deletes them. */
export async function findLink(statement: Statement, tokenHash: string): Promise<FoundLink | undefined> {
  const row = await users(statement)
    .innerJoin('one_time_link as l', 'l.user_id', 'u.id')
    .select('l.purpose')
    .where('l.token_hash', '=', hashBytes(tokenHash))
    .where('l.expires_at', '>', statement.clock)
    .executeTakeFirst()
  return row && { user: toUser(row), purpose: row.purpose }
}

/** Implements {@link LinkStorage.setPasswordByLink}. */
export async function setPasswordByLink(
  unit: Unit,
  { tokenHash, passwordHash }: Parameters<LinkStorage['setPasswordByLink']>[0],
): Promise<User | undefined> {
  const found = await lockLink(unit, tokenHash)
  if (!found) return undefined
  await recordUse(unit, found)
  await replacePassword(unit, found.user, { passwordHash, isAdded: true })
  return toUser(found.user)
}

/** Implements {@link LinkStorage.addPasskeyByLink}. */
export async function addPasskeyByLink(
  unit: Unit,
  { tokenHash, ...passkey }: Parameters<LinkStorage['addPasskeyByLink']>[0],
): Promise<'added' | 'taken' | 'unknown'> {
  const found = await lockLink(unit, tokenHash)
  if (found?.link.purpose !== 'invite') return 'unknown'
  if (!(await insertPasskey(unit, found.user.id, passkey))) return 'taken'
  await recordUse(unit, found)
  await recordNewPasskey(unit, found.user.id, passkey)
  return 'added'
}

interface LockedLink {
  user: FoundUser
  link: Row<'one_time_link'>
}

/** Locks the user of a link that can still be used; undefined if there is none. */
async function lockLink(unit: Unit, tokenHash: string): Promise<LockedLink | undefined> {
  const { db, now } = unit
  const named = db.selectFrom('one_time_link').selectAll().where('token_hash', '=', hashBytes(tokenHash))
  const found = await named.executeTakeFirst()
  if (!found) return undefined
  const user = await lockOwner(unit, found.user_id)
  // Read again: another transaction may have used the link before this one had the lock.
  const link = await named.where('expires_at', '>', now).executeTakeFirst()
  return link && { user, link }
}

/** Records that a link is used. The change that it is used for deletes it. */
async function recordUse(unit: Unit, { user, link }: LockedLink): Promise<void> {
  const data = { link: idText(link.public_id), purpose: link.purpose }
  await writeEvent(unit, { event: 'link.used', userId: user.id, data })
}
