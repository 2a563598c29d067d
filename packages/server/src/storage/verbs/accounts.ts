import { randomUUID } from 'node:crypto'
import type { NewUser, PasswordChange, StoredPassword, UserEdit, UserFilter } from '../api/account-storage.js'
import { StorageError } from '../api/storage-error.js'
import { type AsRead, foldUsername, type User } from '../api/user.js'
import { actorOf, queueNotice, writeEvent } from '../rows/audit.js'
import { type FoundUser, lockAsRead, lockUser, toUser, userIdOf, usernameSkeletons, users } from '../rows/users.js'
import type { Statement, Unit } from '../sql/engine.js'
import { cachedQuery, contains, generateId, idBytes, idText, type Placeholders } from '../sql/kept-query.js'
import { revokeIssuesOfUser } from './deliveries.js'
import { findSecondFactor } from './second-factors.js'
import { recordCredentialChange } from './sessions.js'
import { clearAccountAttempts, rememberDevice } from './throttle.js'

/** Implements {@link AccountStorage.createUser}. @throws StorageError `username_taken`, `username_looks_alike` */
export async function createUser(unit: Unit, user: NewUser): Promise<User> {
  const created = await addUser(unit, user)
  if (typeof created === 'string') throw new StorageError(created, nameRefusals[created])
  const { passwordHash } = user
  if (passwordHash !== undefined) await setPassword(unit, created.id, { passwordHash, isAdded: true })
  await writeEvent(unit, { event: 'user.created', userId: created.id, data: actorOf(user.by) })
  return toUser(created)
}

const nameRefusals = {
  username_taken: 'the username is in use',
  username_looks_alike: 'the username looks like one that is in use',
}

/** Adds a user unless the username, or one that looks like it, is in use. */
export async function addUser(
  unit: Unit,
  { username, displayName, email }: Omit<NewUser, 'passwordHash'>,
): Promise<FoundUser | keyof typeof nameRefusals> {
  const { db, now } = unit
  await unit.exclusive('usernames')
  const skeletons = usernameSkeletons(username)
  const refusal = await refuseName(unit, username, skeletons)
  if (refusal) return refusal
  const inserted = await db
    .insertInto('app_user')
    .values({
      public_id: generateId(),
      sub: idBytes(randomUUID()),
      username,
      username_key: foldUsername(username),
      email: email ?? null,
      email_confirmed_at: null,
      email_language: null,
      display_name: displayName ?? null,
      created_at: now,
      disabled_at: null,
      closed_at: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  const ofUser = skeletons.map((skeleton) => ({ skeleton, user_id: inserted.id }))
  await db.insertInto('username_skeleton').values(ofUser).execute()
  return users(unit).where('u.id', '=', inserted.id).executeTakeFirstOrThrow()
}

async function refuseName(
  { db }: Unit,
  username: string,
  skeletons: readonly string[],
): Promise<keyof typeof nameRefusals | undefined> {
  if (isClosedUsername(username)) return 'username_taken'
  const taken = await db
    .selectFrom('app_user')
    .select('id')
    .where('username_key', '=', foldUsername(username))
    .executeTakeFirst()
  if (taken) return 'username_taken'
  const alike = await db
    .selectFrom('username_skeleton')
    .select('user_id')
    .where('skeleton', 'in', skeletons)
    .executeTakeFirst()
  return alike && 'username_looks_alike'
}

/** Returns the username of a closed account. It is unique, and no user can take it. */
export function closedUsername(userId: string): string {
  return `closed-${userId}`
}

/** Whether a username is reserved for a closed account, so that no one can take it first. */
function isClosedUsername(username: string): boolean {
  return /^closed-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(foldUsername(username))
}

async function setPassword(
  { db, now }: Unit,
  userId: number,
  { passwordHash, isAdded }: { passwordHash: string; isAdded: boolean },
): Promise<void> {
  const replaced = { password_hash: passwordHash, ...(isAdded ? { added_at: now } : {}) }
  await db
    .insertInto('credential')
    .values({ user_id: userId, password_hash: passwordHash, added_at: now })
    .onConflict((conflict) => conflict.column('user_id').doUpdateSet(replaced))
    .execute()
}

/** Implements {@link AccountStorage.findCredential}: includes disabled users; undefined if the user has no password. */
export async function findCredential(statement: Statement, username: string): Promise<StoredPassword | undefined> {
  const [row] = await credentialOf(statement, { username: foldUsername(username) })
  return row && { user: toUser(row), passwordHash: row.password_hash, addedAt: row.added_at }
}

const credentialOf = cachedQuery((parts, { username }: Placeholders<{ username: string }>) =>
  users(parts)
    .innerJoin('credential as c', 'c.user_id', 'u.id')
    .select(['c.password_hash', 'c.added_at'])
    .where('u.username_key', '=', username),
)

/** Implements {@link AccountStorage.listUsers}: in the order they were added, up to 100 unless the filter sets another limit. */
export async function listUsers(statement: Statement, filter: UserFilter = {}): Promise<User[]> {
  const { query, status, after, limit = 100 } = filter
  let found = users(statement).where('u.closed_at', status === 'closed' ? 'is not' : 'is', null)
  if (status === 'active') found = found.where('u.disabled_at', 'is', null)
  if (status === 'disabled') found = found.where('u.disabled_at', 'is not', null)
  if (after !== undefined) found = found.where('u.id', '>', userIdOf(statement, after))
  if (query !== undefined) {
    const part = foldUsername(query)
    found = found.where((e) => e.or([contains(e.ref('u.username_key'), part), contains(e.ref('u.email'), part)]))
  }
  const rows = await found.orderBy('u.id').limit(limit).execute()
  return rows.map(toUser)
}

/** Implements {@link AccountStorage.countUsers}: excludes closed accounts. */
export async function countUsers({ db }: Statement): Promise<number> {
  const { count } = await db
    .selectFrom('app_user')
    .select((e) => e.fn.countAll().as('count'))
    .where('closed_at', 'is', null)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Implements {@link AccountStorage.setUserStatus}: returns false for an unknown user or a closed account. */
export async function setUserStatus(
  unit: Unit,
  userId: string,
  status: 'active' | 'disabled',
  by?: string,
): Promise<boolean> {
  const user = await lockUser(unit, userId)
  if (!user || user.closed_at !== null) return false
  if ((user.disabled_at === null) === (status === 'active')) return true
  const disabledAt = status === 'disabled' ? unit.now : null
  await unit.db.updateTable('app_user').set({ disabled_at: disabledAt }).where('id', '=', user.id).execute()
  if (disabledAt !== null) await revokeIssuesOfUser(unit, user.id)
  const event = status === 'disabled' ? 'user.disabled' : 'user.enabled'
  await recordCredentialChange(unit, user.id, { event, by, ends: { exceptIdHash: undefined } })
  return true
}

/** Implements {@link AccountStorage.setPasswordHash}: returns the new credential revision; undefined if nothing was changed. */
export async function setPasswordHash(unit: Unit, change: PasswordChange): Promise<number | undefined> {
  const { userId, passwordHash, keepSession, keepBrowser, by } = change
  const user = by === undefined ? await lockAsRead(unit, change) : await lockUser(unit, userId)
  if (!user || user.closed_at !== null) return undefined
  return replacePassword(unit, user, { passwordHash, isAdded: by !== undefined, keepSession, keepBrowser, by })
}

/**
 * Sets the password of a locked user, ends their sessions, and clears their known devices and failed sign-ins. `isAdded`: the user did not
 * enter their old password. Returns the new credential revision.
 *
 * With a second factor, only an operator's new password clears the failed sign-ins: a link must not allow more guesses at the code (attacks
 * V25).
 */
export async function replacePassword(
  unit: Unit,
  user: FoundUser,
  { keepSession, keepBrowser, by, ...password }: Omit<PasswordChange, keyof AsRead> & { isAdded: boolean },
): Promise<number | undefined> {
  await setPassword(unit, user.id, password)
  await unit.db.deleteFrom('known_device').where('user_id', '=', user.id).execute()
  if (keepBrowser !== undefined) await rememberDevice(unit, user.id, keepBrowser)
  const clears = by !== undefined || !(await findSecondFactor(unit, idText(user.user)))
  if (clears) await clearAccountAttempts(unit, user.username)
  return recordCredentialChange(unit, user.id, { event: 'password.changed', by, ends: { exceptIdHash: keepSession } })
}

/** Implements {@link AccountStorage.editUser}: returns false for an unknown user, a closed account, or other values than before. */
export async function editUser(unit: Unit, edit: UserEdit): Promise<boolean> {
  const { userId, displayName, email, agentEmails, before, by } = edit
  const user = await lockUser(unit, userId)
  if (!user || user.closed_at !== null) return false
  if (before?.displayName !== undefined && before.displayName !== user.display_name) return false
  if (before?.email !== undefined && before.email !== user.email) return false
  const changed = {
    ...(displayName !== undefined && displayName !== user.display_name && { display_name: displayName }),
    ...(email !== undefined && email !== user.email && { email }),
  }
  if (agentEmails !== undefined) {
    const set = { agent_emails_off: agentEmails ? 0 : 1 }
    await unit.db.updateTable('app_user').set(set).where('id', '=', user.id).execute()
  }
  await recordEdit(unit, user, changed, by)
  return true
}

/**
 * Changes a locked user's name or address. A new address is not confirmed; a confirmed one that it replaces is notified, and links that were
 * sent there no longer work.
 */
export async function recordEdit(
  unit: Unit,
  user: FoundUser,
  changed: { display_name?: string | null; email?: string | null },
  by?: string,
): Promise<void> {
  if (Object.keys(changed).length === 0) return
  const { db } = unit
  const isNewAddress = 'email' in changed
  if (isNewAddress) {
    await queueNotice(unit, user.id, 'email_changed', { address: user.email })
    await db.deleteFrom('one_time_link').where('user_id', '=', user.id).where('purpose', '=', 'reset').execute()
  }
  const set = { ...changed, ...(isNewAddress && { email_confirmed_at: null }) }
  await db.updateTable('app_user').set(set).where('id', '=', user.id).execute()
  // The audit log states what changed, but contains no personal data that would outlive a closed account.
  const what = { displayName: 'display_name' in changed, email: isNewAddress }
  await writeEvent(unit, { event: 'user.edited', userId: user.id, data: { ...what, ...actorOf(by) } })
}

/** Implements {@link AccountStorage.unlockUser}: returns false for an unknown user or a closed account. */
export async function unlockUser(
  unit: Unit,
  { userId, by }: { userId: string; by?: string | undefined },
): Promise<boolean> {
  const user = await lockUser(unit, userId)
  if (!user || user.closed_at !== null) return false
  await clearAccountAttempts(unit, user.username)
  await writeEvent(unit, { event: 'user.unlocked', userId: user.id, data: actorOf(by) })
  return true
}
