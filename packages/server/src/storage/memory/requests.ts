import { decisionRefusal, recordedDecision } from '../decision-refusal.js'
import { generateId } from '../generate-id.js'
import { requestStatus } from '../request-status.js'
import {
  type AuthRequest,
  type BindOutcome,
  type DecideOutcome,
  type NewAuthRequest,
  type RequestBinding,
  type RequestDecision,
  StorageError,
} from '../storage.js'
import { writeEvent } from './audit.js'
import { createGrant } from './grants.js'
import type { MemoryUnit, StoredRequest } from './tables.js'

export function createAuthRequest(unit: MemoryUnit, request: NewAuthRequest): AuthRequest {
  const { tables, now } = unit
  if (countOpen(unit, request) >= request.maxOpen) {
    throw new StorageError('too_many_requests', 'too many open requests of this agent for this resource')
  }
  if (tables.requests.has(request.tokenHash)) throw new TypeError('a request token is used twice')
  const { lifetime, maxOpen: _, ...asked } = request
  const stored: StoredRequest = {
    ...structuredClone(asked),
    id: generateId(),
    state: null,
    status: 'open',
    revision: 0,
    browserHash: null,
    userId: null,
    createdAt: now,
    expiresAt: now + lifetime,
    decidedAt: null,
    codeHash: null,
  }
  tables.requests.set(stored.tokenHash, stored)
  writeEvent(unit, {
    event: 'request.created',
    agent: stored.agent,
    resource: stored.resource,
    requestId: stored.id,
    data: { delegate: stored.delegate, scope: stored.scope, jkt: stored.agentJkt },
  })
  return toAuthRequest(unit, stored)
}

function countOpen({ tables, now }: MemoryUnit, { agent, delegate, resource }: NewAuthRequest): number {
  let open = 0
  for (const stored of tables.requests.values()) {
    const same = stored.agent === agent && stored.delegate === delegate && stored.resource === resource
    if (same && stored.status === 'open' && stored.expiresAt > now) open += 1
  }
  return open
}

export function findAuthRequest(unit: MemoryUnit, tokenHash: string): AuthRequest | undefined {
  const stored = unit.tables.requests.get(tokenHash)
  return stored && toAuthRequest(unit, stored)
}

export function rememberState({ tables, now }: MemoryUnit, tokenHash: string, state: string): void {
  const stored = tables.requests.get(tokenHash)
  if (stored?.status !== 'open' || stored.expiresAt <= now || stored.browserHash !== null) return
  stored.state = state
}

export function bindRequest(unit: MemoryUnit, binding: RequestBinding): BindOutcome {
  const { tables, now } = unit
  const stored = tables.requests.get(binding.tokenHash)
  if (!stored) return { outcome: 'refused', reason: 'unknown' }
  if (requestStatus(stored.status, stored.expiresAt, now) !== 'open') {
    return { outcome: 'refused', reason: 'not_open', request: toAuthRequest(unit, stored) }
  }
  if (stored.browserHash !== null && stored.browserHash !== binding.browserHash) {
    return { outcome: 'refused', reason: 'other_browser' }
  }
  if (!tables.users.has(binding.userId)) throw new TypeError('a request is bound to an unknown user')
  const { userId } = stored
  if (stored.browserHash === null) stored.state = binding.state ?? stored.state
  if (userId !== null && userId !== binding.userId) stored.revision += 1
  stored.browserHash = binding.browserHash
  stored.userId = binding.userId
  if (userId !== binding.userId) {
    writeEvent(unit, {
      event: 'request.bound',
      userId: binding.userId,
      agent: stored.agent,
      resource: stored.resource,
      requestId: stored.id,
    })
  }
  return { outcome: 'bound', request: toAuthRequest(unit, stored) }
}

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
  if (allowed && tables.codes.has(decision.codeHash)) throw new TypeError('a code is used twice')
  stored.status = allowed ? 'allowed' : 'denied'
  stored.decidedAt = now
  const grant = allowed ? createGrant(unit, request, decision) : undefined
  if (grant) {
    stored.codeHash = decision.codeHash
    tables.codes.set(decision.codeHash, {
      requestTokenHash: stored.tokenHash,
      grantId: grant.id,
      expiresAt: now + decision.codeLifetime,
      consumedAt: null,
    })
  }
  writeEvent(unit, {
    event: allowed ? 'request.allowed' : 'request.denied',
    userId: decision.userId,
    agent: stored.agent,
    resource: stored.resource,
    requestId: stored.id,
    grantId: grant?.id,
    data: { delegate: stored.delegate, scope: stored.scope, revision: stored.revision },
  })
  return { outcome: stored.status, request: toAuthRequest(unit, stored), first: true }
}

export function toAuthRequest({ tables, now }: MemoryUnit, stored: StoredRequest): AuthRequest {
  const { tokenHash: _, codeHash, ...request } = stored
  const code = codeHash === null ? undefined : tables.codes.get(codeHash)
  return {
    ...structuredClone(request),
    status: requestStatus(stored.status, stored.expiresAt, now),
    codeAlive: code !== undefined && code.consumedAt === null && code.expiresAt > now,
  }
}
