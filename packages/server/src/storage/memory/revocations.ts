import { endedWithSuccessor } from '../ended-with-successor.js'
import type { Grant, Revocation, RevocationFilter } from '../grant-storage.js'
import type { MemoryUnit } from './tables.js'

export function listRevocations({ tables }: MemoryUnit, { since, limit }: RevocationFilter): Revocation[] {
  const ended = [...tables.grants.values()].filter(({ revokedAt }) => revokedAt !== null && revokedAt >= since)
  const isReplaced = ({ revokedBy }: Grant) => revokedBy === 'replaced'
  const revoked = ended.filter((grant) => !isReplaced(grant))
  const counted = [...revoked, ...endedWithSuccessor(ended.filter(isReplaced), revoked)]
  const grants = counted.map(({ id, revokedAt }): Revocation => ({ kind: 'grant', value: id, at: revokedAt ?? 0 }))
  const agents = [...tables.agents.values()].flatMap(({ agent: value, blockedAt: at }): Revocation[] =>
    at === null || at < since ? [] : [{ kind: 'agent', value, at }],
  )
  return [...grants, ...agents, ...disabledPeople(tables, since)].sort((a, b) => b.at - a.at).slice(0, limit)
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
