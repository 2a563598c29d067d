import type { SubjectRow, UserRow } from '../engines/tables.js'
import type { Unit } from '../engines/unit.js'
import type { User } from './account-storage.js'

export const sector = 'default'

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
    .select(['u.id', 'u.username', 'u.email', 'u.display_name', 'u.status', 'u.created_at', 'u.closed_at', 's.sub'])
    .where('u.tenant_id', '=', tenant)
}

export type FoundUserRow = Omit<UserRow, 'tenant_id' | 'username_key'> & Pick<SubjectRow, 'sub'>

export function toUser(row: FoundUserRow): User {
  return {
    id: row.id,
    username: row.username,
    displayName: row.display_name,
    email: row.email,
    status: row.closed_at === null ? row.status : 'closed',
    sub: row.sub,
    createdAt: row.created_at,
  }
}
