import type { UserExport } from '../account-storage.js'
import type { ListedSession } from '../session-storage.js'
import { listEvents, writeEvent } from './audit.js'
import { listFederated } from './federated.js'
import { listGrants, listGrantUsage } from './grants.js'
import { listPasskeys } from './passkeys.js'
import { listSessions } from './sessions.js'
import type { MemoryUnit } from './tables.js'

const maxEvents = 10_000

export function exportUser(unit: MemoryUnit, userId: string): UserExport | undefined {
  const stored = unit.tables.users.get(userId)
  if (!stored) return undefined
  writeEvent(unit, { event: 'account.exported', userId })
  const everything = Number.MAX_SAFE_INTEGER
  return {
    exportedAt: unit.now,
    user: { ...stored.user },
    identities: listFederated(unit, userId),
    passkeys: listPasskeys(unit, userId),
    sessions: listSessions(unit, { userId }).map(withoutCurrent),
    grants: listGrants(unit, { userId, limit: everything }),
    usage: listGrantUsage(unit, { userId, limit: everything }),
    activity: listEvents(unit, { userId, newest: true, limit: maxEvents }).reverse(),
  }
}

function withoutCurrent(session: ListedSession): Omit<ListedSession, 'current'> {
  const { current: _, ...kept } = session
  return kept
}
