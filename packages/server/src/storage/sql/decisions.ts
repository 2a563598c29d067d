import { decisionRefusal, recordedDecision } from '../decision-refusal.js'
import type { AuthRequest, DecideOutcome, RequestDecision } from '../storage.js'
import { writeEvent } from './audit.js'
import { createGrant } from './grants.js'
import { findAuthRequest } from './requests.js'
import type { Unit } from './unit.js'

export async function decideRequest(unit: Unit, decision: RequestDecision): Promise<DecideOutcome> {
  unit.reach('before_consume')
  if (!(await recordDecision(unit, decision))) return refuseDecision(unit, decision)
  unit.reach('after_consume')
  const request = await requireRequest(unit, decision.tokenHash)
  const allowed = decision.decision === 'allow'
  const grant = allowed ? await createGrant(unit, request, decision) : undefined
  if (grant) await createCode(unit, request, grant.id, decision)
  await writeEvent(unit, {
    event: allowed ? 'request.allowed' : 'request.denied',
    userId: decision.userId,
    agent: request.agent,
    resource: request.resource,
    requestId: request.id,
    grantId: grant?.id,
    data: { delegate: request.delegate, scope: request.scope, revision: request.revision },
  })
  return { outcome: allowed ? 'allowed' : 'denied', request: { ...request, codeAlive: allowed }, first: true }
}

async function recordDecision({ db, tenant, now }: Unit, decision: RequestDecision): Promise<boolean> {
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

async function refuseDecision(unit: Unit, decision: RequestDecision): Promise<DecideOutcome> {
  const request = await findAuthRequest(unit, decision.tokenHash)
  if (!request) return { outcome: 'refused', reason: 'unknown' }
  const recorded = recordedDecision(request, decision)
  if (recorded) return recorded
  return { outcome: 'refused', reason: decisionRefusal(request, decision) ?? 'changed' }
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
  decision: RequestDecision,
): Promise<void> {
  await db
    .insertInto('code')
    .values({
      tenant_id: tenant,
      code_hash: decision.codeHash,
      request_id: request.id,
      grant_id: grantId,
      expires_at: now + decision.codeLifetime,
      consumed_at: null,
      consumed_by_jkt: null,
      burned_for: null,
    })
    .execute()
}
