import { generateTokenIssue } from '../generate-token-issue.js'
import type { Refresh, RefreshOutcome } from '../grant-storage.js'
import { type PresentedRefreshToken, refreshRefusal } from '../refresh-refusal.js'
import { startOfDay } from '../start-of-day.js'
import { isAgentBlocked } from './agents.js'
import { writeEvent } from './audit.js'
import type { MemoryUnit, StoredRefreshToken } from './tables.js'
import { isOneTooMany } from './throttle.js'

const usedEvery = 60

export function refreshGrant(unit: MemoryUnit, refresh: Refresh): RefreshOutcome {
  const { now } = unit
  const stored = unit.tables.refreshTokens.get(refresh.tokenHash)
  if (!stored) return { outcome: 'refused', reason: 'unknown' }
  const token = present(unit, stored)
  const refusal = refreshRefusal(token, refresh, now)
  if (refusal) {
    if (refusal.event) writeRefusal(unit, token, refresh, refusal.event)
    return { outcome: 'refused', reason: refusal.reason }
  }
  const { grant, user } = token
  recordUse(unit, stored)
  return {
    outcome: 'refreshed',
    grant,
    user,
    issue: generateTokenIssue(grant, token.scope, refresh.tokenLifetime, now),
  }
}

function present(unit: MemoryUnit, stored: StoredRefreshToken): PresentedRefreshToken {
  const { grants, users } = unit.tables
  const grant = grants.get(stored.grantId)
  const user = grant && users.get(grant.userId)?.user
  if (!grant || !user) throw new TypeError('a refresh token has lost its grant or user')
  return { ...stored, agentBlocked: isAgentBlocked(unit, stored.agent), grant: { ...grant }, user: { ...user } }
}

function recordUse({ tables, now }: MemoryUnit, stored: StoredRefreshToken): void {
  const { grantId } = stored
  const day = startOfDay(now)
  const key = `${grantId} ${day}`
  const usage = tables.usage.get(key) ?? { grantId, day, refreshes: 0 }
  usage.refreshes += 1
  tables.usage.set(key, usage)
  if (stored.lastUsedAt !== null && stored.lastUsedAt > now - usedEvery) return
  stored.lastUsedAt = now
  stored.idleExpiresAt = Math.min(now + stored.idleSeconds, stored.expiresAt)
  const grant = tables.grants.get(grantId)
  if (grant) grant.lastUsedAt = now
}

function writeRefusal(
  unit: MemoryUnit,
  { grant }: PresentedRefreshToken,
  { tokenHash, agent, delegate, jkt }: Refresh,
  event: string,
): void {
  if (isOneTooMany(unit, `${event} ${tokenHash}`)) return
  writeEvent(unit, {
    event,
    userId: grant.userId,
    agent: grant.agent,
    resource: grant.resource,
    grantId: grant.id,
    data: { jkt, presentedBy: agent, delegate },
  })
}

export function revokeRefreshToken(
  unit: MemoryUnit,
  { tokenHash, agent, delegate }: { tokenHash: string; agent: string; delegate: string | null },
): boolean {
  const { refreshTokens, grants } = unit.tables
  const stored = refreshTokens.get(tokenHash)
  if (stored?.agent !== agent || stored.delegate !== delegate || stored.revokedAt !== null) return false
  stored.revokedAt = unit.now
  const grant = grants.get(stored.grantId)
  writeEvent(unit, {
    event: 'refresh.revoked',
    userId: grant?.userId,
    agent,
    resource: grant?.resource,
    grantId: stored.grantId,
    data: { delegate },
  })
  return true
}
