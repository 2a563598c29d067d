import { generateTokenIssue } from '../generate-token-issue.js'
import { codeUsed, type PresentedCode, type RedemptionRefusal, redemptionRefusal } from '../redemption-refusal.js'
import type { CodeRedemption, Grant, RedeemOutcome, TokenIssue } from '../storage.js'
import { findUser } from './accounts.js'
import { writeEvent } from './audit.js'
import { toGrant } from './grants.js'
import { requests, toAuthRequest } from './requests.js'
import type { Unit } from './unit.js'

export async function redeemCode(unit: Unit, redemption: CodeRedemption): Promise<RedeemOutcome> {
  const code = await findCode(unit, redemption.codeHash)
  if (!code) return { outcome: 'refused', reason: 'unknown' }
  const refusal = redemptionRefusal(code, redemption, unit.now)
  if (refusal) return refuse(unit, code, redemption, refusal)
  unit.reach('before_consume')
  if (!(await consumeCode(unit, redemption))) return refuse(unit, code, redemption, codeUsed)
  unit.reach('after_consume')
  const { grant, user } = code
  const issue = await recordIssue(unit, grant, redemption)
  await writeRedemption(unit, code, 'code.redeemed', { jkt: redemption.jkt, jti: issue.jti })
  return { outcome: 'redeemed', request: { ...code.request, codeAlive: false }, grant, user, issue }
}

async function findCode(unit: Unit, codeHash: string): Promise<PresentedCode | undefined> {
  const { db, tenant, now } = unit
  const code = await db
    .selectFrom('code')
    .selectAll()
    .where('tenant_id', '=', tenant)
    .where('code_hash', '=', codeHash)
    .executeTakeFirst()
  if (!code) return undefined
  const request = await requests(unit).where('r.id', '=', code.request_id).executeTakeFirstOrThrow()
  const grant = await db
    .selectFrom('consent_grant')
    .selectAll()
    .where('tenant_id', '=', tenant)
    .where('id', '=', code.grant_id)
    .executeTakeFirstOrThrow()
  const user = await findUser(unit, grant.user_id)
  if (!user) throw new TypeError('a grant has no user')
  return {
    request: toAuthRequest(request, now),
    requestTokenHash: request.token_hash,
    expiresAt: code.expires_at,
    consumedAt: code.consumed_at,
    grant: toGrant(grant),
    user,
  }
}

async function consumeCode(unit: Unit, redemption: CodeRedemption): Promise<boolean> {
  const { db, tenant, now } = unit
  const consumed = await db
    .updateTable('code')
    .set({ consumed_at: now, consumed_by_jkt: redemption.jkt })
    .where('tenant_id', '=', tenant)
    .where('code_hash', '=', redemption.codeHash)
    .where('consumed_at', 'is', null)
    .where('expires_at', '>', now)
    .returning('code_hash')
    .executeTakeFirst()
  return consumed !== undefined
}

async function recordIssue(unit: Unit, grant: Grant, redemption: CodeRedemption): Promise<TokenIssue> {
  const { db, tenant, now } = unit
  const issue = generateTokenIssue(grant, redemption.tokenLifetime, now)
  await db
    .insertInto('token_issue')
    .values({
      tenant_id: tenant,
      jti: issue.jti,
      issued_at: issue.issuedAt,
      expires_at: issue.expiresAt,
      grant_id: grant.id,
      agent: grant.agent,
      resource: grant.resource,
      scope: grant.scope,
      code_hash: redemption.codeHash,
    })
    .execute()
  await db
    .updateTable('consent_grant')
    .set({ last_used_at: now })
    .where('tenant_id', '=', tenant)
    .where('id', '=', grant.id)
    .execute()
  return issue
}

async function refuse(
  unit: Unit,
  code: PresentedCode,
  redemption: CodeRedemption,
  refusal: RedemptionRefusal,
): Promise<RedeemOutcome> {
  if (refusal.burns) await burnCode(unit, redemption, refusal.reason)
  if (refusal.event) {
    await writeRedemption(unit, code, refusal.event, {
      jkt: redemption.jkt,
      presentedBy: redemption.agent,
      delegate: redemption.delegate,
    })
  }
  return { outcome: 'refused', reason: refusal.reason }
}

async function burnCode(unit: Unit, redemption: CodeRedemption, reason: string): Promise<void> {
  const { db, tenant, now } = unit
  await db
    .updateTable('code')
    .set({ consumed_at: now, consumed_by_jkt: redemption.jkt, burned_for: reason })
    .where('tenant_id', '=', tenant)
    .where('code_hash', '=', redemption.codeHash)
    .where('consumed_at', 'is', null)
    .execute()
}

async function writeRedemption(
  unit: Unit,
  { request, grant }: PresentedCode,
  event: string,
  data: Record<string, string | null>,
): Promise<void> {
  await writeEvent(unit, {
    event,
    userId: grant.userId,
    agent: request.agent,
    resource: request.resource,
    grantId: grant.id,
    requestId: request.id,
    data,
  })
}
