import type { Grant, Revocation, RevocationFilter } from '../grant-storage.js'
import type { MemoryUnit } from './tables.js'

export function listRevocations({ tables }: MemoryUnit, { since, limit }: RevocationFilter): Revocation[] {
  const grants = [...tables.grants.values()].flatMap((grant): Revocation[] => {
    const { id: value, revokedAt: at } = grant
    if (at === null || at < since || !isTakenBack(tables, grant)) return []
    return [{ kind: 'grant', value, at }]
  })
  const agents = [...tables.agents.values()].flatMap(({ agent: value, blockedAt: at }): Revocation[] =>
    at === null || at < since ? [] : [{ kind: 'agent', value, at }],
  )
  return [...grants, ...agents, ...disabledPeople(tables, since)].sort((a, b) => b.at - a.at).slice(0, limit)
}

function isTakenBack({ grants }: MemoryUnit['tables'], grant: Grant): boolean {
  if (grant.revokedBy !== 'replaced') return true
  return [...grants.values()].some(
    (other) =>
      other.userId === grant.userId &&
      other.agent === grant.agent &&
      other.resource === grant.resource &&
      other.delegate === grant.delegate &&
      other.revokedBy !== 'replaced' &&
      (other.revokedAt ?? -1) >= (grant.revokedAt ?? 0),
  )
}

function disabledPeople({ events, users }: MemoryUnit['tables'], since: number): Revocation[] {
  const disabledAt = new Map<string, number>()
  for (const { event, userId, at } of events) {
    if (event === 'user.disabled' && userId !== undefined && at >= since) disabledAt.set(userId, at)
  }
  return [...disabledAt].flatMap(([userId, at]): Revocation[] => {
    const user = users.get(userId)?.user
    return user?.status === 'disabled' ? [{ kind: 'sub', value: user.sub, at }] : []
  })
}
