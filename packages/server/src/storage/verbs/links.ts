import type { FoundLink, LinkStorage, NewLink } from '../api/link-storage.js'
import type { User } from '../api/user.js'
import { actorOf, writeEvent } from '../rows/audit.js'
import { listFactors, lockUser, toUser, users } from '../rows/users.js'
import type { Statement, Unit } from '../sql/engine.js'
import { generateId, hashBytes, idText } from '../sql/kept-query.js'
import { replacePassword } from './accounts.js'

/** Implements {@link LinkStorage.createLink}. */
export async function createLink(unit: Unit, link: NewLink): Promise<'created' | 'has_factor' | 'unknown'> {
  const { userId, tokenHash, purpose, lifetime, sentTo, by } = link
  const user = await lockUser(unit, userId, 'alone')
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

/** Implements {@link LinkStorage.findLink}. */
export async function findLink(statement: Statement, tokenHash: string): Promise<FoundLink | undefined> {
  const row = await users(statement)
    .innerJoin('one_time_link as l', 'l.user_id', 'u.id')
    .select('l.purpose')
    .where('l.token_hash', '=', hashBytes(tokenHash))
    .where('l.expires_at', '>', statement.clock)
    .where('u.disabled_at', 'is', null)
    .executeTakeFirst()
  return row && { user: toUser(row), purpose: row.purpose }
}

/** Implements {@link LinkStorage.setPasswordByLink}. */
export async function setPasswordByLink(
  unit: Unit,
  { tokenHash, passwordHash }: Parameters<LinkStorage['setPasswordByLink']>[0],
): Promise<User | undefined> {
  const { db, now } = unit
  const named = db.selectFrom('one_time_link').selectAll().where('token_hash', '=', hashBytes(tokenHash))
  const found = await named.executeTakeFirst()
  const user = found && (await lockUser(unit, { id: found.user_id }, 'alone'))
  // Read again: another transaction may have used the link before this one had the lock.
  const link = user && (await named.where('expires_at', '>', now).executeTakeFirst())
  if (!link || user.disabled_at !== null) return undefined
  const data = { link: idText(link.public_id), purpose: link.purpose }
  await writeEvent(unit, { event: 'link.used', userId: user.id, data })
  await replacePassword(unit, user, { passwordHash, isAdded: true })
  return toUser(user)
}
