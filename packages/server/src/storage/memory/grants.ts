import { foldUsername } from '../fold-username.js'
import { generateId } from '../generate-id.js'
import { grantEnded } from '../grant-ended.js'
import type {
  Grant,
  GrantFilter,
  GrantParties,
  GrantRevocation,
  GrantsRevocation,
  GrantUsage,
  GrantUsageFilter,
  ListedGrant,
} from '../grant-storage.js'
import { mayUnite } from '../may-unite.js'
import type { AuthRequest, RequestDecision } from '../request-storage.js'
import { grantedScope, uniteScopes } from '../scope-set.js'
import { writeEvent } from './audit.js'
import type { MemoryUnit } from './tables.js'

/** The grant of a decision, and what of it this request was given. */
export function createGrant(
  unit: MemoryUnit,
  request: AuthRequest,
  decision: RequestDecision,
): { grant: Grant; scope: string } {
  const { tables, now } = unit
  const scope = grantedScope(request.scope, decision.scope)
  if (scope === undefined) throw new TypeError('more is granted than was asked')
  const grant: Grant = {
    id: generateId(),
    userId: decision.userId,
    agent: request.agent,
    delegate: request.delegate,
    resource: request.resource,
    scope,
    remembered: decision.remembered,
    createdAt: now,
    expiresAt: decision.grantLifetime === null ? null : now + decision.grantLifetime,
    lastUsedAt: null,
    revokedAt: null,
    revokedBy: null,
    display: structuredClone(request.display),
  }
  if (grant.remembered) replaceRemembered(unit, grant)
  tables.grants.set(grant.id, grant)
  return { grant, scope }
}

function replaceRemembered(unit: MemoryUnit, successor: Grant): void {
  const { tables, now } = unit
  for (const stored of tables.grants.values()) {
    if (!stored.remembered || stored.revokedAt !== null || !isBetween(stored, successor)) continue
    if (!mayUnite(stored, successor, now)) {
      stored.remembered = false
      continue
    }
    successor.scope = uniteScopes(stored.scope, successor.scope)
    for (const token of tables.refreshTokens.values()) {
      if (token.grantId === stored.id) token.grantId = successor.id
    }
    revoke(unit, stored, 'replaced', successor.id)
  }
}

function isBetween(grant: Grant, parties: GrantParties): boolean {
  return (
    grant.userId === parties.userId &&
    grant.agent === parties.agent &&
    grant.delegate === parties.delegate &&
    grant.resource === parties.resource
  )
}

export function findGrant({ tables }: MemoryUnit, grantId: string): ListedGrant | undefined {
  const stored = tables.grants.get(grantId)
  return stored && { ...stored, username: nameOf(tables, stored) }
}

export function findRememberedGrant({ tables, now }: MemoryUnit, parties: GrantParties): Grant | undefined {
  for (const stored of tables.grants.values()) {
    if (stored.remembered && !grantEnded(stored, now) && isBetween(stored, parties)) return { ...stored }
  }
  return undefined
}

export function listGrants({ tables, now }: MemoryUnit, filter: GrantFilter = {}): ListedGrant[] {
  const { live, query, after, limit = 100 } = filter
  const part = query === undefined ? '' : foldUsername(query)
  return [...tables.grants.values()]
    .filter((grant) => matches(grant, filter))
    .filter((grant) => live === undefined || grantEnded(grant, now) !== live)
    .map((grant) => ({ ...grant, username: nameOf(tables, grant) }))
    .filter(({ agent, resource, username }) =>
      [agent, resource, username].some((text) => foldUsername(text).includes(part)),
    )
    .filter(({ id }) => after === undefined || id < after)
    .sort((a, b) => (a.id < b.id ? 1 : -1))
    .slice(0, limit)
}

function matches(grant: Grant, filter: Pick<GrantFilter, 'userId' | 'agent' | 'resource'>): boolean {
  return (
    (filter.userId === undefined || grant.userId === filter.userId) &&
    (filter.agent === undefined || grant.agent === filter.agent) &&
    (filter.resource === undefined || grant.resource === filter.resource)
  )
}

function nameOf({ users }: MemoryUnit['tables'], { userId }: Grant): string {
  return users.get(userId)?.user.username ?? ''
}

export function listGrantUsage({ tables }: MemoryUnit, filter: GrantUsageFilter): GrantUsage[] {
  const { userId, grantId, limit = 100 } = filter
  return [...tables.usage.values()]
    .filter((usage) => tables.grants.get(usage.grantId)?.userId === userId)
    .filter((usage) => grantId === undefined || usage.grantId === grantId)
    .sort((a, b) => b.day - a.day || (a.grantId < b.grantId ? 1 : -1))
    .slice(0, limit)
    .map((usage) => ({ ...usage }))
}

export function revokeGrant(unit: MemoryUnit, { grantId, by, userId }: GrantRevocation): boolean {
  const stored = unit.tables.grants.get(grantId)
  if (!stored || stored.revokedAt !== null) return false
  if (userId !== undefined && stored.userId !== userId) return false
  revoke(unit, stored, by)
  return true
}

export function revokeGrants(unit: MemoryUnit, revocation: GrantsRevocation): number {
  const { by, ...filter } = revocation
  if (Object.values(filter).every((value) => value === undefined)) throw new TypeError('say whose grants to revoke')
  const { tables, now } = unit
  const revoked = [...tables.grants.values()].filter((grant) => !grantEnded(grant, now) && matches(grant, filter))
  for (const stored of revoked) revoke(unit, stored, by)
  return revoked.length
}

function revoke(unit: MemoryUnit, stored: Grant, by: string, successor?: string): void {
  const { tables, now } = unit
  stored.revokedAt = now
  stored.revokedBy = by
  for (const token of tables.refreshTokens.values()) if (token.grantId === stored.id) token.revokedAt ??= now
  writeEvent(unit, {
    event: 'grant.revoked',
    userId: stored.userId,
    agent: stored.agent,
    resource: stored.resource,
    grantId: stored.id,
    data: { by, ...(successor !== undefined && { successor }) },
  })
}

export function hasAllowedBefore({ tables }: MemoryUnit, userId: string, agent: string): boolean {
  for (const stored of tables.grants.values()) if (stored.userId === userId && stored.agent === agent) return true
  return false
}

export function hasBeenAllowed({ tables }: MemoryUnit, agent: string): boolean {
  for (const stored of tables.grants.values()) if (stored.agent === agent) return true
  return false
}
