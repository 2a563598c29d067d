import { writeEvent } from '../audit/audit.js'
import type { Unit } from '../engines/unit.js'
import { revokeGrants } from '../grants/grants.js'
import { removeSessions } from '../sessions/remove-sessions.js'
import { closedUsername } from './closed-username.js'
import { foldUsername } from './fold-username.js'

const belongings = ['username_skeleton', 'credential', 'federated_identity', 'passkey', 'known_device'] as const

export async function closeAccount(unit: Unit, userId: string): Promise<boolean> {
  if (!(await forget(unit, userId))) return false
  const { db, tenant } = unit
  await revokeGrants(unit, { userId, by: 'account.closed' })
  await removeSessions(unit, userId)
  for (const table of belongings) {
    await db.deleteFrom(table).where('tenant_id', '=', tenant).where('user_id', '=', userId).execute()
  }
  await db
    .updateTable('auth_request')
    .set({ status: 'abandoned' })
    .where('tenant_id', '=', tenant)
    .where('user_id', '=', userId)
    .where('status', '=', 'open')
    .execute()
  await writeEvent(unit, { event: 'account.closed', userId })
  return true
}

async function forget({ db, tenant, now }: Unit, userId: string): Promise<boolean> {
  const username = closedUsername(userId)
  const closed = await db
    .updateTable('app_user')
    .set({
      username,
      username_key: foldUsername(username),
      email: null,
      display_name: null,
      status: 'disabled',
      closed_at: now,
    })
    .where('tenant_id', '=', tenant)
    .where('id', '=', userId)
    .where('closed_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return closed !== undefined
}
