import { findUser } from '../accounts/users.js'
import { writeEvent } from '../audit/audit.js'
import type { Unit } from '../engines/unit.js'
import { findRow, toGrant } from '../grants/grant-lists.js'
import { createGrant, markUsed } from '../grants/grants.js'
import { rememberedRefusal } from '../grants/remembered-refusal.js'
import { decisionRefusal, recordedDecision } from './decision-refusal.js'
import type {
  AuthRequest,
  DecideOutcome,
  RememberedOutcome,
  RememberedPermission,
  RequestDecision,
} from './request-storage.js'
import { bindRequest, findAuthRequest } from './requests.js'

export async function decideRequest(unit: Unit, decision: RequestDecision): Promise<DecideOutcome> {
  const asked = await findAuthRequest(unit, decision.tokenHash)
  const refusal = refuseDecision(asked, decision)
  if (refusal) return refusal
  unit.reach('before_consume')
  if (!(await recordDecision(unit, decision))) {
    const changed = await findAuthRequest(unit, decision.tokenHash)
    return refuseDecision(changed, decision) ?? { outcome: 'refused', reason: 'changed' }
  }
  unit.reach('after_consume')
  const request = await requireRequest(unit, decision.tokenHash)
  const allowed = decision.decision === 'allow'
  const given = allowed ? await createGrant(unit, request, decision) : undefined
  if (given) await createCode(unit, request, given.grant.id, given.scope, decision)
  await writeEvent(unit, {
    event: allowed ? 'request.allowed' : 'request.denied',
    userId: decision.userId,
    agent: request.agent,
    resource: request.resource,
    requestId: request.id,
    grantId: given?.grant.id,
    data: { delegate: request.delegate, scope: given?.scope ?? request.scope, revision: request.revision },
  })
  return { outcome: allowed ? 'allowed' : 'denied', request: { ...request, codeAlive: allowed }, first: true }
}

function refuseDecision(request: AuthRequest | undefined, decision: RequestDecision): DecideOutcome | undefined {
  if (!request) return { outcome: 'refused', reason: 'unknown' }
  const recorded = recordedDecision(request, decision)
  if (recorded) return recorded
  const reason = decisionRefusal(request, decision)
  return reason && { outcome: 'refused', reason }
}

async function recordDecision(
  { db, tenant, now }: Unit,
  decision: Pick<RequestDecision, 'tokenHash' | 'browserHash' | 'userId' | 'revision' | 'decision'>,
): Promise<boolean> {
  const decided = await db
    .updateTable('auth_request')
    .set({ status: decision.decision === 'allow' ? 'allowed' : 'denied', decided_at: now })
    .where('tenant_id', '=', tenant)
    .where('token_hash', '=', decision.tokenHash)
    .where('status', '=', 'open')
    .where('browser_hash', '=', decision.browserHash)
    .where('user_id', '=', decision.userId)
    .where('revision', '=', decision.revision)
    .where('expires_at', '>', now)
    .returning('id')
    .executeTakeFirst()
  return decided !== undefined
}

/** Binds, then decides as the person who is bound would. */
export async function allowRemembered(unit: Unit, permission: RememberedPermission): Promise<RememberedOutcome> {
  const request = await findAuthRequest(unit, permission.tokenHash)
  if (!request) return { outcome: 'refused', reason: 'unknown' }
  const recorded = recordedDecision(request, permission)
  if (recorded) return recorded
  const active = (await findUser(unit, permission.userId))?.status === 'active'
  const row = active ? await findRow(unit, permission.grantId) : undefined
  const reason = rememberedRefusal(request, row && toGrant(row), permission, unit.now)
  if (reason || !row) return { outcome: 'refused', reason: reason ?? 'not_covered' }
  const bound = await bindRequest(unit, permission)
  if (bound.outcome === 'refused') return { outcome: 'refused', reason: bound.reason }
  const { revision } = bound.request
  if (!(await recordDecision(unit, { ...permission, revision, decision: 'allow' }))) {
    return { outcome: 'refused', reason: 'not_open' }
  }
  await markUsed(unit, row.id)
  await createCode(unit, request, row.id, request.scope, permission)
  await writeEvent(unit, {
    event: 'request.remembered',
    userId: permission.userId,
    agent: request.agent,
    resource: request.resource,
    requestId: request.id,
    grantId: row.id,
    data: { delegate: request.delegate, scope: request.scope },
  })
  const decided = await requireRequest(unit, permission.tokenHash)
  return { outcome: 'allowed', request: decided, first: true }
}

async function requireRequest(unit: Unit, tokenHash: string): Promise<AuthRequest> {
  const request = await findAuthRequest(unit, tokenHash)
  if (!request) throw new TypeError('a decided request is missing')
  return request
}

async function createCode(
  { db, tenant, now }: Unit,
  request: AuthRequest,
  grantId: string,
  scope: string,
  { codeHash, codeLifetime }: Pick<RequestDecision, 'codeHash' | 'codeLifetime'>,
): Promise<void> {
  await db
    .insertInto('code')
    .values({
      tenant_id: tenant,
      code_hash: codeHash,
      request_id: request.id,
      grant_id: grantId,
      scope,
      expires_at: now + codeLifetime,
      consumed_at: null,
      consumed_by_jkt: null,
      burned_for: null,
    })
    .execute()
}
