import { extensionRefusal } from '../extension-refusal.js'
import { generateId } from '../generate-id.js'
import { grantEnded } from '../grant-ended.js'
import { requestStatus } from '../request-status.js'
import type {
  AuthRequest,
  BindOutcome,
  ExtendOutcome,
  NewAuthRequest,
  RequestBinding,
  RequestExtension,
} from '../request-storage.js'
import { StorageError } from '../storage-error.js'
import { markSeen, requireUnblocked } from './agents.js'
import { writeEvent } from './audit.js'
import type { MemoryUnit, StoredRequest } from './tables.js'

export function createAuthRequest(unit: MemoryUnit, request: NewAuthRequest): AuthRequest {
  const { tables, now } = unit
  requireUnblocked(unit, request.agent)
  if (countOpen(unit, request) >= request.maxOpen) {
    throw new StorageError('too_many_requests', 'too many open requests of this agent for this resource')
  }
  if (tables.requests.has(request.tokenHash)) throw new TypeError('a request token is used twice')
  const { lifetime, maxOpen: _, prompt, ...asked } = request
  const stored: StoredRequest = {
    ...structuredClone(asked),
    prompt: prompt ?? null,
    id: generateId(),
    state: null,
    status: 'open',
    revision: 0,
    extensions: 0,
    browserHash: null,
    userId: null,
    createdAt: now,
    expiresAt: now + lifetime,
    decidedAt: null,
    codeHash: null,
  }
  markSeen(unit, request.agent)
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

export function extendRequest(unit: MemoryUnit, extension: RequestExtension): ExtendOutcome {
  const stored = unit.tables.requests.get(extension.tokenHash)
  if (!stored) return { outcome: 'refused', reason: 'unknown' }
  const reason = extensionRefusal(toAuthRequest(unit, stored), extension)
  if (reason) return { outcome: 'refused', reason }
  stored.expiresAt += extension.seconds
  stored.extensions += 1
  writeEvent(unit, {
    event: 'request.extended',
    userId: extension.userId,
    agent: stored.agent,
    resource: stored.resource,
    requestId: stored.id,
    data: { expiresAt: stored.expiresAt, extensions: stored.extensions },
  })
  return { outcome: 'extended', expiresAt: stored.expiresAt, extensions: stored.extensions }
}

export function toAuthRequest({ tables, now }: MemoryUnit, stored: StoredRequest): AuthRequest {
  const { tokenHash: _, codeHash, ...request } = stored
  const code = codeHash === null ? undefined : tables.codes.get(codeHash)
  const grant = code && tables.grants.get(code.grantId)
  return {
    ...structuredClone(request),
    status: requestStatus(stored.status, stored.expiresAt, now),
    codeAlive: grant !== undefined && code?.consumedAt === null && code.expiresAt > now && !grantEnded(grant, now),
  }
}
