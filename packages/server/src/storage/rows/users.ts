import { type SelectQueryBuilder, sql } from 'kysely'
import { foldUsername } from '../api/fold-username.js'
import type { AsRead, User } from '../api/user.js'
import type { Parts, Statement, Unit } from '../sql/engine.js'
import { idBytes, idText } from '../sql/stored-bytes.js'
import type { Tables } from '../sql/tables.js'

export async function findUser(statement: Statement, userId: string): Promise<User | undefined> {
  const row = await users(statement).where('u.public_id', '=', idBytes(userId)).executeTakeFirst()
  return row && toUser(row)
}

/** The row of a person, to be compared with; none for nobody. */
export function userIdOf({ db }: Statement, userId: string) {
  return db.selectFrom('app_user').select('id').where('public_id', '=', idBytes(userId))
}

export async function findUserId(statement: Statement, userId: string): Promise<number | undefined> {
  return (await userIdOf(statement, userId).executeTakeFirst())?.id
}

export async function findUserIdByName({ db }: Statement, username: string): Promise<number | undefined> {
  const named = db.selectFrom('app_user').select('id').where('username_key', '=', foldUsername(username))
  return (await named.executeTakeFirst())?.id
}

/** Keeps a person for what is done in their name; their rows come after this (see {@link Unit.lockRows}). */
export async function holdPerson(unit: Unit, userId: string): Promise<void> {
  await unit.lockRows('alone', userIdOf(unit, userId))
}

/** Whether a user is active, and their credential revision is still the one that was read. */
export async function isUnchanged(unit: Unit, { userId, credentialRevision }: AsRead): Promise<boolean> {
  const active = await userIdOf(unit, userId)
    .where('disabled_at', 'is', null)
    .where('credential_revision', '=', credentialRevision)
    .executeTakeFirst()
  return active !== undefined
}

/** Locks a user for a change of how they sign in. Undefined: they are not active, or not as they were read. */
export async function lockAsRead(unit: Unit, { userId, credentialRevision }: AsRead): Promise<FoundUser | undefined> {
  const user = await lockUser(unit, userId, 'alone')
  return user?.status === 'active' && user.credential_revision === credentialRevision ? user : undefined
}

/** Makes verbs refuse whatever was read of a user before. Locks their row, if there is one, and returns the new revision. */
export async function raiseCredentialRevision({ db }: Unit, user: IdOfUser): Promise<number | undefined> {
  const raised = await db
    .updateTable('app_user')
    .set((e) => ({ credential_revision: e('credential_revision', '+', 1) }))
    .where('id', '=', user)
    .returning('credential_revision')
    .executeTakeFirst()
  return raised?.credential_revision
}

type IdOfUser = number | SelectQueryBuilder<Tables, 'session', { id: number }>

/** A person as they stay to the end of the transaction: their status is changed after it at the earliest. */
export async function lockUser(
  unit: Unit,
  user: string | { id: number },
  strength: 'shared' | 'alone' = 'shared',
): Promise<FoundUser | undefined> {
  const [column, value] =
    typeof user === 'string' ? (['public_id', idBytes(user)] as const) : (['id', user.id] as const)
  return unit.locking(users(unit).where(`u.${column}`, '=', value), { u: strength }).executeTakeFirst()
}

/** People, to be narrowed and joined. */
export function users({ db }: Pick<Parts, 'db'>) {
  return db
    .selectFrom('app_user as u')
    .select(['u.id', 'u.public_id', 'u.username', 'u.email', 'u.display_name', 'u.created_at', 'u.closed_at', 'u.sub'])
    .select('u.credential_revision')
    .select(sql<'active' | 'disabled'>`case when u.disabled_at is null then 'active' else 'disabled' end`.as('status'))
}

export type FoundUser = Awaited<ReturnType<ReturnType<typeof users>['executeTakeFirstOrThrow']>>

export function toUser(row: Omit<FoundUser, 'id'>): User {
  return {
    id: idText(row.public_id),
    username: row.username,
    displayName: row.display_name,
    email: row.email,
    status: row.closed_at === null ? row.status : 'closed',
    sub: idText(row.sub),
    createdAt: row.created_at,
    credentialRevision: row.credential_revision,
  }
}
