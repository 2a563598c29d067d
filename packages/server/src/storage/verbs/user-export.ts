import type { UserExport } from '../api/account-storage.js'
import type { ListedSession } from '../api/session-storage.js'
import { listEvents, writeEvent } from '../rows/audit.js'
import { listGrants, listGrantUsage } from '../rows/grant-lists.js'
import { lockUser, toUser } from '../rows/users.js'
import type { Unit } from '../sql/engine.js'
import { listFederated } from './federated.js'
import { listPasskeys } from './passkeys.js'
import { listSessions } from './sessions.js'

const maxEvents = 10_000

export async function exportUser(unit: Unit, userId: string): Promise<UserExport | undefined> {
  const row = await lockUser(unit, userId)
  if (!row) return undefined
  await writeEvent(unit, { event: 'account.exported', userId: row.id })
  const everything = Number.MAX_SAFE_INTEGER
  const sessions = await listSessions(unit, { userId })
  const activity = await listEvents(unit, { userId, newest: true, limit: maxEvents })
  return {
    exportedAt: unit.now,
    user: toUser(row),
    identities: await listFederated(unit, userId),
    passkeys: await listPasskeys(unit, userId),
    sessions: sessions.map(withoutCurrent),
    grants: await listGrants(unit, { userId, limit: everything }),
    usage: await listGrantUsage(unit, { userId, limit: everything }),
    activity: activity.reverse(),
  }
}

function withoutCurrent(session: ListedSession): Omit<ListedSession, 'current'> {
  const { current: _, ...kept } = session
  return kept
}
