import { sql } from 'kysely'
import type { UserExport } from '../api/account-storage.js'
import type { Device } from '../api/device-storage.js'
import type { ListedSession } from '../api/session-storage.js'
import { type AsRead, foldUsername } from '../api/user.js'
import { listEvents, writeEvent } from '../rows/audit.js'
import { listGrants, listGrantUsage } from '../rows/grant-lists.js'
import { lockUser, toUser } from '../rows/users.js'
import type { Unit } from '../sql/engine.js'
import { closedUsername } from './accounts.js'
import { listBindings } from './bindings.js'
import { listDevices } from './devices.js'
import { listFederated } from './federated.js'
import { revokeGrants } from './grants.js'
import { listPasskeys } from './passkeys.js'
import { findSecondFactor } from './second-factors.js'
import { listSessions, recordCredentialChange } from './sessions.js'
import { listSubjects } from './subjects.js'

const belongings = [
  'username_skeleton',
  'credential',
  'federated_identity',
  'passkey',
  'second_factor',
  'recovery_code',
  'known_device',
  'agent_binding',
  'device',
] as const

/** Implements {@link AccountStorage.closeAccount}: returns false if the user's record has changed since it was read. */
export async function closeAccount(unit: Unit, closing: AsRead): Promise<boolean> {
  const { userId, credentialRevision } = closing
  const user = await lockUser(unit, userId)
  if (!user || user.closed_at !== null || user.credential_revision !== credentialRevision) return false
  const { db, now } = unit
  const username = closedUsername(userId)
  await db
    .updateTable('app_user')
    .set({
      username,
      username_key: foldUsername(username),
      email: null,
      email_confirmed_at: null,
      email_language: null,
      display_name: null,
      disabled_at: now,
      closed_at: now,
    })
    .where('id', '=', user.id)
    .execute()
  await revokeGrants(unit, { userId, by: 'account.closed' })
  for (const table of belongings) await db.deleteFrom(table).where('user_id', '=', user.id).execute()
  await db
    .updateTable('auth_request')
    .set({ status: 'abandoned' })
    .where('user_id', '=', user.id)
    .where('status', '=', sql.lit('open')) // a literal, to match the index
    .execute()
  await recordCredentialChange(unit, user.id, { event: 'account.closed', ends: { exceptIdHash: undefined } })
  return true
}

const maxEvents = 10_000

/** Implements {@link AccountStorage.exportUser}: returns everything stored about a user, except secrets; undefined for an unknown id. */
export async function exportUser(unit: Unit, userId: string): Promise<UserExport | undefined> {
  const row = await lockUser(unit, userId)
  if (!row) return undefined
  await writeEvent(unit, { event: 'account.exported', userId: row.id })
  const everything = Number.MAX_SAFE_INTEGER
  const sessions = await listSessions(unit, { userId })
  const factor = await findSecondFactor(unit, userId)
  const activity = await listEvents(unit, { userId, newest: true, limit: maxEvents })
  return {
    exportedAt: unit.now,
    user: toUser(row),
    identities: await listFederated(unit, userId),
    passkeys: await listPasskeys(unit, userId),
    secondFactor: factor ? { addedAt: factor.addedAt, recoveryCodes: factor.recoveryCodes } : null,
    sessions: sessions.map(withoutCurrent),
    devices: await listOwnDevices(unit, userId),
    boundAgents: await listBindings(unit, { userId, limit: everything }),
    subjects: await listSubjects(unit, { userId, limit: everything }),
    grants: await listGrants(unit, { userId, limit: everything }),
    usage: await listGrantUsage(unit, { userId, limit: everything }),
    activity: activity.reverse(),
  }
}

async function listOwnDevices(unit: Unit, userId: string): Promise<Device[]> {
  const devices = await listDevices(unit, { userId, limit: Number.MAX_SAFE_INTEGER })
  return devices.map(({ user: _user, isLive: _isLive, ...kept }) => kept)
}

function withoutCurrent(session: ListedSession): Omit<ListedSession, 'current'> {
  const { current: _, ...kept } = session
  return kept
}
