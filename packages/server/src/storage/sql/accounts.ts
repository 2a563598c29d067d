import { randomUUID } from 'node:crypto'
import { generateId } from '../generate-id.js'
import { type Credential, type NewUser, StorageError, type User } from '../storage.js'
import { writeEvent } from './audit.js'
import type { SubjectRow, UserRow } from './tables.js'
import type { Unit } from './unit.js'

const sector = 'default'

export async function createUser(unit: Unit, user: NewUser): Promise<User> {
  const { db, tenant, now } = unit
  const id = generateId()
  const inserted = await db
    .insertInto('app_user')
    .values({
      tenant_id: tenant,
      id,
      username: user.username,
      email: user.email ?? null,
      display_name: user.displayName ?? null,
      status: 'active',
      created_at: now,
    })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'username']).doNothing())
    .returningAll()
    .executeTakeFirst()
  if (!inserted) throw new StorageError('username_taken', 'the user name is in use')
  const sub = randomUUID()
  await db.insertInto('subject').values({ tenant_id: tenant, user_id: id, sector, sub }).execute()
  await db
    .insertInto('credential')
    .values({ tenant_id: tenant, user_id: id, kind: 'password', secret: user.passwordHash, updated_at: now })
    .execute()
  await writeEvent(unit, { event: 'user.created', userId: id })
  return toUser({ ...inserted, sub })
}

export async function findCredential(unit: Unit, username: string): Promise<Credential | undefined> {
  const row = await users(unit)
    .innerJoin('credential as c', (join) =>
      join.onRef('c.tenant_id', '=', 'u.tenant_id').onRef('c.user_id', '=', 'u.id').on('c.kind', '=', 'password'),
    )
    .select('c.secret')
    .where('u.username', '=', username)
    .executeTakeFirst()
  return row && { user: toUser(row), passwordHash: row.secret }
}

export async function setUserStatus(unit: Unit, userId: string, status: User['status']): Promise<boolean> {
  const { db, tenant } = unit
  const changed = await db
    .updateTable('app_user')
    .set({ status })
    .where('tenant_id', '=', tenant)
    .where('id', '=', userId)
    .where('status', '!=', status)
    .returning('id')
    .executeTakeFirst()
  if (!changed) return (await findUser(unit, userId)) !== undefined
  if (status === 'disabled') {
    await db.deleteFrom('session').where('tenant_id', '=', tenant).where('user_id', '=', userId).execute()
  }
  await writeEvent(unit, { event: status === 'disabled' ? 'user.disabled' : 'user.enabled', userId })
  return true
}

export async function findUser(unit: Unit, userId: string): Promise<User | undefined> {
  const row = await users(unit).where('u.id', '=', userId).executeTakeFirst()
  return row && toUser(row)
}

/** People with their subjects, to be narrowed and joined. */
export function users({ db, tenant }: Unit) {
  return db
    .selectFrom('app_user as u')
    .innerJoin('subject as s', (join) =>
      join.onRef('s.tenant_id', '=', 'u.tenant_id').onRef('s.user_id', '=', 'u.id').on('s.sector', '=', sector),
    )
    .select(['u.id', 'u.username', 'u.email', 'u.display_name', 'u.status', 's.sub'])
    .where('u.tenant_id', '=', tenant)
}

export function toUser(
  row: Pick<UserRow, 'id' | 'username' | 'email' | 'display_name' | 'status'> & Pick<SubjectRow, 'sub'>,
): User {
  return {
    id: row.id,
    username: row.username,
    displayName: row.display_name,
    email: row.email,
    status: row.status,
    sub: row.sub,
  }
}
