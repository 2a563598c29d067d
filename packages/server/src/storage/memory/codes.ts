import { generateTokenIssue } from '../generate-token-issue.js'
import type { CodeRedemption, Grant, NewRefreshToken, RedeemOutcome } from '../grant-storage.js'
import { outlives } from '../outlives.js'
import { type PresentedCode, type RedemptionRefusal, redemptionRefusal } from '../redemption-refusal.js'
import { requireUnblocked } from './agents.js'
import { writeEvent } from './audit.js'
import { toAuthRequest } from './requests.js'
import type { MemoryUnit, StoredCode } from './tables.js'
import { isOneTooMany } from './throttle.js'

export function redeemCode(unit: MemoryUnit, redemption: CodeRedemption): RedeemOutcome {
  const { tables, now } = unit
  const { codeHash, jkt, refresh } = redemption
  requireUnblocked(unit, redemption.agent)
  const stored = tables.codes.get(codeHash)
  if (!stored) return { outcome: 'refused', reason: 'unknown' }
  const code = present(unit, stored)
  const refusal = redemptionRefusal(code, redemption, now)
  if (refusal) return refuse(unit, stored, code, redemption, refusal)
  const issue = generateTokenIssue(code.grant, code.scope, redemption.tokenLifetime, now)
  const refreshIssued = refresh !== undefined && outlives(code.grant, issue)
  if (refreshIssued) createRefreshToken(unit, code, codeHash, refresh)
  stored.consumedAt = now
  touch(unit, code.grant.id)
  tables.issues.push({ ...issue, codeHash })
  writeRedemption(unit, code, 'code.redeemed', { jkt, jti: issue.jti, refreshIssued })
  const grant: Grant = { ...code.grant, lastUsedAt: now }
  return {
    outcome: 'redeemed',
    request: { ...code.request, codeAlive: false },
    grant,
    user: code.user,
    issue,
    refreshIssued,
  }
}

function present(unit: MemoryUnit, stored: StoredCode): PresentedCode {
  const { requestTokenHash, grantId, scope, expiresAt, consumedAt } = stored
  const { requests, grants, users } = unit.tables
  const request = requests.get(requestTokenHash)
  const grant = grants.get(grantId)
  const user = grant && users.get(grant.userId)?.user
  if (!request || !grant || !user) throw new TypeError('a code has lost its request, grant or user')
  return {
    request: toAuthRequest(unit, request),
    requestTokenHash,
    scope,
    expiresAt,
    consumedAt,
    grant: { ...grant },
    user: { ...user },
  }
}

function refuse(
  unit: MemoryUnit,
  stored: StoredCode,
  code: PresentedCode,
  { codeHash, jkt, agent, delegate }: CodeRedemption,
  { reason, burns, event }: RedemptionRefusal,
): RedeemOutcome {
  if (burns) stored.consumedAt ??= unit.now
  if (event) {
    const refreshRevoked = reason === 'used' && revokeRefreshOf(unit, codeHash)
    const told = refreshRevoked || !isOneTooMany(unit, `${event} ${codeHash}`)
    if (told)
      writeRedemption(unit, code, event, {
        jkt,
        presentedBy: agent,
        delegate,
        ...(refreshRevoked && { refreshRevoked }),
      })
  }
  return { outcome: 'refused', reason }
}

function createRefreshToken(
  { tables, now }: MemoryUnit,
  { grant, scope }: PresentedCode,
  codeHash: string,
  { tokenHash, idleSeconds, lifetime }: NewRefreshToken,
): void {
  if (tables.refreshTokens.has(tokenHash)) throw new TypeError('a refresh token is used twice')
  tables.refreshTokens.set(tokenHash, {
    grantId: grant.id,
    codeHash,
    scope,
    agent: grant.agent,
    delegate: grant.delegate,
    expiresAt: now + lifetime,
    idleSeconds,
    idleExpiresAt: Math.min(now + idleSeconds, now + lifetime),
    lastUsedAt: null,
    revokedAt: null,
  })
}

function revokeRefreshOf({ tables, now }: MemoryUnit, codeHash: string): boolean {
  for (const token of tables.refreshTokens.values()) {
    if (token.codeHash !== codeHash || token.revokedAt !== null) continue
    token.revokedAt = now
    return true
  }
  return false
}

function touch({ tables, now }: MemoryUnit, grantId: string): void {
  const grant = tables.grants.get(grantId)
  if (grant) grant.lastUsedAt = now
}

function writeRedemption(
  unit: MemoryUnit,
  { request, grant }: PresentedCode,
  event: string,
  data: Record<string, string | boolean | null>,
): void {
  writeEvent(unit, {
    event,
    userId: grant.userId,
    agent: request.agent,
    resource: request.resource,
    grantId: grant.id,
    requestId: request.id,
    data,
  })
}
