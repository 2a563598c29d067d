import { findUser } from '../accounts/users.js'
import { requireUnblocked } from '../agents/agents.js'
import { writeEvent } from '../audit/audit.js'
import type { Unit } from '../engines/unit.js'
import { requests, toAuthRequest } from '../requests/requests.js'
import { isOneTooMany } from '../throttle/throttle.js'
import { generateTokenIssue } from './generate-token-issue.js'
import { findRow, toGrant } from './grant-lists.js'
import type { CodeRedemption, NewRefreshToken, RedeemOutcome, TokenIssue } from './grant-storage.js'
import { markUsed } from './grants.js'
import { outlives } from './outlives.js'
import { codeUsed, type PresentedCode, type RedemptionRefusal, redemptionRefusal } from './redemption-refusal.js'

export async function redeemCode(unit: Unit, redemption: CodeRedemption): Promise<RedeemOutcome> {
  const { codeHash, jkt, refresh } = redemption
  await requireUnblocked(unit, redemption.agent)
  const code = await findCode(unit, codeHash)
  if (!code) return { outcome: 'refused', reason: 'unknown' }
  const refusal = redemptionRefusal(code, redemption, unit.now)
  if (refusal) return refuse(unit, code, redemption, refusal)
  unit.reach('before_consume')
  if (!(await consumeCode(unit, redemption))) return refuse(unit, code, redemption, codeUsed)
  unit.reach('after_consume')
  const issue = await recordIssue(unit, code, redemption)
  const refreshIssued = refresh !== undefined && outlives(code.grant, issue)
  if (refreshIssued) await createRefreshToken(unit, code, codeHash, refresh)
  await writeRedemption(unit, code, 'code.redeemed', { jkt, jti: issue.jti, refreshIssued })
  return {
    outcome: 'redeemed',
    request: { ...code.request, codeAlive: false },
    grant: { ...code.grant, lastUsedAt: unit.now },
    user: code.user,
    issue,
    refreshIssued,
  }
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
  const grant = await findRow(unit, code.grant_id)
  const user = grant && (await findUser(unit, grant.user_id))
  if (!user) throw new TypeError('a code has lost its grant or user')
  return {
    request: toAuthRequest(request, now),
    requestTokenHash: request.token_hash,
    scope: code.scope ?? grant.scope,
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

async function recordIssue(
  unit: Unit,
  { grant, scope }: PresentedCode,
  redemption: CodeRedemption,
): Promise<TokenIssue> {
  const { db, tenant, now } = unit
  const issue = generateTokenIssue(grant, scope, redemption.tokenLifetime, now)
  await db
    .insertInto('token_issue')
    .values({
      tenant_id: tenant,
      jti: issue.jti,
      issued_at: issue.issuedAt,
      expires_at: issue.expiresAt,
      grant_id: grant.id,
      policy: null,
      agent: grant.agent,
      delegate: grant.delegate,
      resource: grant.resource,
      scope,
      code_hash: redemption.codeHash,
    })
    .execute()
  await markUsed(unit, grant.id)
  return issue
}

async function createRefreshToken(
  { db, tenant, now }: Unit,
  { grant, scope }: PresentedCode,
  codeHash: string,
  { tokenHash, idleSeconds, lifetime }: NewRefreshToken,
): Promise<void> {
  await db
    .insertInto('refresh_token')
    .values({
      tenant_id: tenant,
      token_hash: tokenHash,
      grant_id: grant.id,
      code_hash: codeHash,
      scope,
      agent: grant.agent,
      delegate: grant.delegate,
      created_at: now,
      expires_at: now + lifetime,
      idle_seconds: idleSeconds,
      idle_expires_at: now + Math.min(idleSeconds, lifetime),
      last_used_at: null,
      last_used_jkt: null,
      revoked_at: null,
    })
    .execute()
}

async function refuse(
  unit: Unit,
  code: PresentedCode,
  redemption: CodeRedemption,
  refusal: RedemptionRefusal,
): Promise<RedeemOutcome> {
  if (refusal.burns) await burnCode(unit, redemption, refusal.reason)
  if (refusal.event) {
    const refreshRevoked = refusal.reason === 'used' && (await revokeRefreshOf(unit, redemption.codeHash))
    const told = refreshRevoked || !(await isOneTooMany(unit, `${refusal.event} ${redemption.codeHash}`))
    if (told)
      await writeRedemption(unit, code, refusal.event, {
        jkt: redemption.jkt,
        presentedBy: redemption.agent,
        delegate: redemption.delegate,
        ...(refreshRevoked && { refreshRevoked }),
      })
  }
  return { outcome: 'refused', reason: refusal.reason }
}

async function revokeRefreshOf({ db, tenant, now }: Unit, codeHash: string): Promise<boolean> {
  const revoked = await db
    .updateTable('refresh_token')
    .set({ revoked_at: now })
    .where('tenant_id', '=', tenant)
    .where('code_hash', '=', codeHash)
    .where('revoked_at', 'is', null)
    .returning('token_hash')
    .executeTakeFirst()
  return revoked !== undefined
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
  data: Record<string, string | boolean | null>,
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
