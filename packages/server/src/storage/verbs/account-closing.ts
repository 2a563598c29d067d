import { sql } from 'kysely'
import { foldUsername } from '../api/fold-username.js'
import type { AsRead } from '../api/user.js'
import { writeEvent } from '../rows/audit.js'
import { lockUser, raiseCredentialRevision } from '../rows/users.js'
import type { Unit } from '../sql/engine.js'
import { closedUsername } from './accounts.js'
import { revokeGrants } from './grants.js'
import { removeSessions } from './sessions.js'

const belongings = ['username_skeleton', 'credential', 'federated_identity', 'passkey', 'known_device'] as const

export async function closeAccount(unit: Unit, closing: AsRead): Promise<boolean> {
  const { userId, credentialRevision } = closing
  const user = await lockUser(unit, userId, 'alone')
  if (!user || user.closed_at !== null || user.credential_revision !== credentialRevision) return false
  const { db, now } = unit
  const username = closedUsername(userId)
  await db
    .updateTable('app_user')
    .set({
      username,
      username_key: foldUsername(username),
      email: null,
      display_name: null,
      disabled_at: now,
      closed_at: now,
    })
    .where('id', '=', user.id)
    .execute()
  await raiseCredentialRevision(unit, user.id)
  await revokeGrants(unit, { userId, by: 'account.closed' })
  await removeSessions(unit, user.id)
  for (const table of belongings) await db.deleteFrom(table).where('user_id', '=', user.id).execute()
  await db
    .updateTable('auth_request')
    .set({ status: 'abandoned' })
    .where('user_id', '=', user.id)
    .where('status', '=', sql.lit('open')) // as the index says it
    .execute()
  await writeEvent(unit, { event: 'account.closed', userId: user.id })
  return true
}
