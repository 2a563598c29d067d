import type { Unit } from '../engines/unit.js'

/** Ends a person's sessions, without an audit row: for verbs that write their own. */
export async function removeSessions({ db, tenant }: Unit, userId: string, exceptIdHash?: string): Promise<number> {
  let removal = db.deleteFrom('session').where('tenant_id', '=', tenant).where('user_id', '=', userId)
  if (exceptIdHash !== undefined) removal = removal.where('id_hash', '!=', exceptIdHash)
  const { numDeletedRows } = await removal.executeTakeFirst()
  return Number(numDeletedRows)
}
