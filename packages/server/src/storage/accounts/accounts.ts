import { randomUUID } from 'node:crypto'
import { writeEvent } from '../audit/audit.js'
import { doneBy } from '../audit/done-by.js'
import { contains } from '../engines/contains.js'
import { generateId } from '../engines/generate-id.js'
import type { Unit } from '../engines/unit.js'
import { removeSessions } from '../sessions/remove-sessions.js'
import { StorageError } from '../storage-error.js'
import type { Credential, NewUser, PasswordChange, User, UserFilter } from './account-storage.js'
import { isClosedUsername } from './closed-username.js'
import { foldUsername } from './fold-username.js'
import { usernameSkeletons } from './username-skeletons.js'
import { findUser, sector, toUser, users } from './users.js'

export async function createUser(unit: Unit, user: NewUser): Promise<User> {
  const created = await addUser(unit, user)
  if (typeof created === 'string') throw new StorageError(created, nameRefusals[created])
  await setPassword(unit, created.id, user.passwordHash)
  await writeEvent(unit, { event: 'user.created', userId: created.id, data: doneBy(user.by) })
  return created
}

const nameRefusals = {
  username_taken: 'the user name is in use',
  username_looks_alike: 'the user name looks like one that is in use',
}

/** Adds a person unless the name, or one that looks like it, is in use. */
export async function addUser(
  unit: Unit,
  { username, displayName, email }: Omit<NewUser, 'passwordHash'>,
): Promise<User | keyof typeof nameRefusals> {
  const { db, tenant, now } = unit
  const skeletons = usernameSkeletons(username)
  const refusal = await refuseName(unit, username, skeletons)
  if (refusal) return refusal
  const inserted = await db
    .insertInto('app_user')
    .values({
      tenant_id: tenant,
      id: generateId(),
      username,
      username_key: foldUsername(username),
      email: email ?? null,
      display_name: displayName ?? null,
      status: 'active',
      created_at: now,
      closed_at: null,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  const ofUser = skeletons.map((skeleton) => ({ tenant_id: tenant, skeleton, user_id: inserted.id }))
  await db.insertInto('username_skeleton').values(ofUser).execute()
  const sub = randomUUID()
  await db.insertInto('subject').values({ tenant_id: tenant, user_id: inserted.id, sector, sub }).execute()
  return toUser({ ...inserted, sub })
}

async function refuseName(
  { db, tenant }: Unit,
  username: string,
  skeletons: readonly string[],
): Promise<keyof typeof nameRefusals | undefined> {
  if (isClosedUsername(username)) return 'username_taken'
  const taken = await db
    .selectFrom('app_user')
    .select('id')
    .where('tenant_id', '=', tenant)
    .where('username_key', '=', foldUsername(username))
    .executeTakeFirst()
  if (taken) return 'username_taken'
  const alike = await db
    .selectFrom('username_skeleton')
    .select('user_id')
    .where('tenant_id', '=', tenant)
    .where('skeleton', 'in', skeletons)
    .executeTakeFirst()
  return alike && 'username_looks_alike'
}

async function setPassword({ db, tenant, now }: Unit, userId: string, secret: string): Promise<void> {
  await db
    .insertInto('credential')
    .values({ tenant_id: tenant, user_id: userId, kind: 'password', secret, updated_at: now })
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'user_id', 'kind']).doUpdateSet({ secret, updated_at: now }),
    )
    .execute()
}

export async function findCredential(unit: Unit, username: string): Promise<Credential | undefined> {
  const row = await users(unit)
    .innerJoin('credential as c', (join) =>
      join.onRef('c.tenant_id', '=', 'u.tenant_id').onRef('c.user_id', '=', 'u.id').on('c.kind', '=', 'password'),
    )
    .select('c.secret')
    .where('u.username_key', '=', foldUsername(username))
    .executeTakeFirst()
  return row && { user: toUser(row), passwordHash: row.secret }
}

export async function listUsers(unit: Unit, filter: UserFilter = {}): Promise<User[]> {
  const { query, status, after, limit = 100 } = filter
  let found = users(unit).where('u.closed_at', status === 'closed' ? 'is not' : 'is', null)
  if (status === 'active' || status === 'disabled') found = found.where('u.status', '=', status)
  if (after !== undefined) found = found.where('u.id', '>', after)
  if (query !== undefined) {
    const part = foldUsername(query)
    found = found.where((e) => e.or([contains(e.ref('u.username_key'), part), contains(e.ref('u.email'), part)]))
  }
  const rows = await found.orderBy('u.id').limit(limit).execute()
  return rows.map(toUser)
}

export async function countUsers({ db, tenant }: Unit): Promise<number> {
  const { count } = await db
    .selectFrom('app_user')
    .select((e) => e.fn.countAll().as('count'))
    .where('tenant_id', '=', tenant)
    .where('closed_at', 'is', null)
    .executeTakeFirstOrThrow()
  return Number(count)
}

export async function setUserStatus(
  unit: Unit,
  userId: string,
  status: 'active' | 'disabled',
  by?: string,
): Promise<boolean> {
  const { db, tenant } = unit
  const changed = await db
    .updateTable('app_user')
    .set({ status })
    .where('tenant_id', '=', tenant)
    .where('id', '=', userId)
    .where('status', '!=', status)
    .where('closed_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  if (!changed) return ((await findUser(unit, userId))?.status ?? 'closed') !== 'closed'
  if (status === 'disabled') await removeSessions(unit, userId)
  await writeEvent(unit, { event: status === 'disabled' ? 'user.disabled' : 'user.enabled', userId, data: doneBy(by) })
  return true
}

export async function setPasswordHash(unit: Unit, change: PasswordChange): Promise<boolean> {
  const { userId, passwordHash, keepSession, by } = change
  if (((await findUser(unit, userId))?.status ?? 'closed') === 'closed') return false
  await setPassword(unit, userId, passwordHash)
  await unit.db.deleteFrom('known_device').where('tenant_id', '=', unit.tenant).where('user_id', '=', userId).execute()
  const ended = await removeSessions(unit, userId, keepSession)
  await writeEvent(unit, { event: 'password.changed', userId, data: { sessionsEnded: ended, ...doneBy(by) } })
  return true
}
