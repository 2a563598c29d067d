import { decisionRefusal, recordedDecision } from '../decision-refusal.js'
import type { Grant } from '../grant-storage.js'
import { rememberedRefusal } from '../remembered-refusal.js'
import type { DecideOutcome, RememberedOutcome, RememberedPermission, RequestDecision } from '../request-storage.js'
import { writeEvent } from './audit.js'
import { createGrant } from './grants.js'
import { bindRequest, toAuthRequest } from './requests.js'
import type { MemoryUnit, StoredRequest } from './tables.js'

export function decideRequest(unit: MemoryUnit, decision: RequestDecision): DecideOutcome {
  const { tables, now } = unit
  const stored = tables.requests.get(decision.tokenHash)
  if (!stored) return { outcome: 'refused', reason: 'unknown' }
  const request = toAuthRequest(unit, stored)
  const recorded = recordedDecision(request, decision)
  if (recorded) return recorded
  const reason = decisionRefusal(request, decision)
  if (reason) return { outcome: 'refused', reason }
  const allowed = decision.decision === 'allow'
  if (allowed) requireFreshCode(unit, decision.codeHash)
  stored.status = allowed ? 'allowed' : 'denied'
  stored.decidedAt = now
  const given = allowed ? createGrant(unit, request, decision) : undefined
  if (given) createCode(unit, stored, given.grant, given.scope, decision)
  writeEvent(unit, {
    event: allowed ? 'request.allowed' : 'request.denied',
    userId: decision.userId,
    agent: stored.agent,
    resource: stored.resource,
    requestId: stored.id,
    grantId: given?.grant.id,
    data: { delegate: stored.delegate, scope: given?.scope ?? stored.scope, revision: stored.revision },
  })
  return { outcome: stored.status, request: toAuthRequest(unit, stored), first: true }
}

export function allowRemembered(unit: MemoryUnit, permission: RememberedPermission): RememberedOutcome {
  const { tables, now } = unit
  const stored = tables.requests.get(permission.tokenHash)
  if (!stored) return { outcome: 'refused', reason: 'unknown' }
  const request = toAuthRequest(unit, stored)
  const recorded = recordedDecision(request, permission)
  if (recorded) return recorded
  const active = tables.users.get(permission.userId)?.user.status === 'active'
  const grant = active ? tables.grants.get(permission.grantId) : undefined
  const reason = rememberedRefusal(request, grant, permission, now)
  if (reason || !grant) return { outcome: 'refused', reason: reason ?? 'not_covered' }
  requireFreshCode(unit, permission.codeHash)
  bindRequest(unit, permission)
  stored.status = 'allowed'
  stored.decidedAt = now
  grant.lastUsedAt = now
  createCode(unit, stored, grant, stored.scope, permission)
  writeEvent(unit, {
    event: 'request.remembered',
    userId: permission.userId,
    agent: stored.agent,
    resource: stored.resource,
    requestId: stored.id,
    grantId: grant.id,
    data: { delegate: stored.delegate, scope: stored.scope },
  })
  return { outcome: 'allowed', request: toAuthRequest(unit, stored), first: true }
}

function requireFreshCode({ tables }: MemoryUnit, codeHash: string): void {
  if (tables.codes.has(codeHash)) throw new TypeError('a code is used twice')
}

function createCode(
  { tables, now }: MemoryUnit,
  request: StoredRequest,
  grant: Grant,
  scope: string,
  { codeHash, codeLifetime }: Pick<RequestDecision, 'codeHash' | 'codeLifetime'>,
): void {
  request.codeHash = codeHash
  tables.codes.set(codeHash, {
    requestTokenHash: request.tokenHash,
    grantId: grant.id,
    scope,
    expiresAt: now + codeLifetime,
    consumedAt: null,
  })
}
