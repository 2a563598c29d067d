import { generateTokenIssue } from '../generate-token-issue.js'
import { type PresentedCode, redemptionRefusal } from '../redemption-refusal.js'
import type { CodeRedemption, RedeemOutcome } from '../storage.js'
import { writeEvent } from './audit.js'
import { toAuthRequest } from './requests.js'
import type { MemoryUnit, StoredCode } from './tables.js'

export function redeemCode(unit: MemoryUnit, redemption: CodeRedemption): RedeemOutcome {
  const { tables, now } = unit
  const stored = tables.codes.get(redemption.codeHash)
  if (!stored) return { outcome: 'refused', reason: 'unknown' }
  const code = present(unit, stored)
  const { jkt } = redemption
  const refusal = redemptionRefusal(code, redemption, now)
  if (refusal) {
    if (refusal.burns) stored.consumedAt ??= now
    if (refusal.event) {
      writeRedemption(unit, code, refusal.event, {
        jkt,
        presentedBy: redemption.agent,
        delegate: redemption.delegate,
      })
    }
    return { outcome: 'refused', reason: refusal.reason }
  }
  stored.consumedAt = now
  const { grant, user } = code
  const issue = generateTokenIssue(grant, redemption.tokenLifetime, now)
  tables.issues.push({ ...issue, codeHash: redemption.codeHash })
  writeRedemption(unit, code, 'code.redeemed', { jkt, jti: issue.jti })
  return { outcome: 'redeemed', request: { ...code.request, codeAlive: false }, grant, user, issue }
}

function present(unit: MemoryUnit, { requestTokenHash, grantId, expiresAt, consumedAt }: StoredCode): PresentedCode {
  const { requests, grants, users } = unit.tables
  const request = requests.get(requestTokenHash)
  const grant = grants.get(grantId)
  const user = grant && users.get(grant.userId)?.user
  if (!request || !grant || !user) throw new TypeError('a code has lost its request, grant or user')
  return {
    request: toAuthRequest(unit, request),
    requestTokenHash,
    expiresAt,
    consumedAt,
    grant: { ...grant },
    user: { ...user },
  }
}

function writeRedemption(
  unit: MemoryUnit,
  { request, grant }: PresentedCode,
  event: string,
  data: Record<string, string | null>,
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
