import type { EndedByRestore } from '../api/deployment-storage.js'
import { doneBy, writeEvent } from '../rows/audit.js'
import type { Unit } from '../sql/engine.js'

export async function endRestored(unit: Unit, by: string): Promise<EndedByRestore> {
  const { db, now } = unit
  await db
    .updateTable('app_user')
    .set((e) => ({ credential_revision: e('credential_revision', '+', 1) }))
    .execute()
  const sessions = await db.deleteFrom('session').where('idle_expires_at', '>', now).executeTakeFirst()
  // A request may have been decided since: its code, which is made from its id, would work a second time.
  const requests = await db
    .updateTable('auth_request')
    .set({ status: 'abandoned' })
    .where('status', '=', 'open')
    .where('expires_at', '>', now)
    .executeTakeFirst()
  const codes = await db
    .updateTable('code')
    .set({ expires_at: now })
    .where('expires_at', '>', now)
    .where('consumed_at', 'is', null)
    .executeTakeFirst()
  const refreshTokens = await db
    .updateTable('refresh_token')
    .set({ revoked_at: now })
    .where('idle_expires_at', '>', now)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  const ended = {
    sessions: Number(sessions.numDeletedRows),
    requests: Number(requests.numUpdatedRows),
    codes: Number(codes.numUpdatedRows),
    refreshTokens: Number(refreshTokens.numUpdatedRows),
  }
  await writeEvent(unit, { event: 'database.restored', data: { ...ended, ...doneBy(by) } })
  return ended
}
