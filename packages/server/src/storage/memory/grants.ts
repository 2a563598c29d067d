import { generateId } from '../generate-id.js'
import type { AuthRequest, Grant, GrantRevocation, RequestDecision } from '../storage.js'
import { writeEvent } from './audit.js'
import type { MemoryUnit } from './tables.js'

export function createGrant(unit: MemoryUnit, request: AuthRequest, decision: RequestDecision): Grant {
  const { tables, now } = unit
  const stored: Grant = {
    id: generateId(),
    userId: decision.userId,
    agent: request.agent,
    delegate: request.delegate,
    resource: request.resource,
    scope: request.scope,
    remembered: decision.remembered,
    createdAt: now,
    expiresAt: decision.grantLifetime === null ? null : now + decision.grantLifetime,
    revokedAt: null,
  }
  if (stored.remembered) replaceRemembered(unit, stored)
  tables.grants.set(stored.id, stored)
  return { ...stored }
}

function replaceRemembered(unit: MemoryUnit, successor: Grant): void {
  for (const stored of unit.tables.grants.values()) {
    const same =
      stored.userId === successor.userId &&
      stored.agent === successor.agent &&
      stored.resource === successor.resource &&
      stored.delegate === successor.delegate
    if (same && stored.remembered && stored.revokedAt === null) revoke(unit, stored, `grant:${successor.id}`)
  }
}

export function revokeGrant(unit: MemoryUnit, { grantId, by, userId }: GrantRevocation): boolean {
  const stored = unit.tables.grants.get(grantId)
  if (!stored || stored.revokedAt !== null) return false
  if (userId !== undefined && stored.userId !== userId) return false
  revoke(unit, stored, by)
  return true
}

function revoke(unit: MemoryUnit, stored: Grant, by: string): void {
  stored.revokedAt = unit.now
  writeEvent(unit, {
    event: 'grant.revoked',
    userId: stored.userId,
    agent: stored.agent,
    resource: stored.resource,
    grantId: stored.id,
    data: { by },
  })
}

export function hasAllowedBefore({ tables }: MemoryUnit, userId: string, agent: string): boolean {
  for (const stored of tables.grants.values()) if (stored.userId === userId && stored.agent === agent) return true
  return false
}
