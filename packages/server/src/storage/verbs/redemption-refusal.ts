import type { CodeRedemption, Grant, RedeemOutcome } from '../api/grant-storage.js'
import type { ReasonOf } from '../api/reason-of.js'
import type { User } from '../api/user.js'
import { grantEnded } from '../rows/granted-scopes.js'

/** A stored code with what it stands for. */
export interface PresentedCode {
  /** Of the request that it answers. */
  request: { tokenHash: string; agentJkt: string; redirectUri: string | null }
  /** What the token it gives is for, without the permissions that have ended. */
  scope: string
  expiresAt: number
  consumedAt: number | null
  grant: Grant
  user: User
}

export interface RedemptionRefusal {
  reason: Exclude<ReasonOf<RedeemOutcome>, 'unknown'>
  /** The code is marked used, so that nobody can redeem it later. */
  burns: boolean
  /** The audit row this leaves. */
  event?: string
}

const refusals: readonly [(code: PresentedCode, by: CodeRedemption, now: number) => boolean, RedemptionRefusal][] = [
  [
    (code, by) => code.grant.agent !== by.agent,
    { reason: 'foreign_agent', burns: true, event: 'code.foreign_agent' }, // X04
  ],
  [
    (code, by) => code.grant.delegate !== by.delegate,
    { reason: 'foreign_delegate', burns: true, event: 'code.foreign_delegate' }, // X05
  ],
  [
    (code, by) => by.bindToKey === true && code.request.agentJkt !== by.jkt,
    { reason: 'foreign_key', burns: true, event: 'code.foreign_key' }, // X06
  ],
  [(code) => code.consumedAt !== null, { reason: 'used', burns: false, event: 'code.reused' }], // X01
  [(code, _by, now) => code.expiresAt <= now, { reason: 'expired', burns: false }], // X03
  [
    (code, by) => by.requestTokenHash !== undefined && by.requestTokenHash !== code.request.tokenHash,
    { reason: 'injected', burns: true, event: 'code.injected' }, // X20
  ],
  [
    // The right agent's mistake, which it can mend: nobody else has come by the code.
    (code, by) => by.redirectUri !== undefined && by.redirectUri !== code.request.redirectUri,
    { reason: 'redirect_mismatch', burns: false, event: 'code.redirect_mismatch' }, // W12
  ],
  [(code) => code.user.status !== 'active', { reason: 'user_disabled', burns: false }], // X09
  [(code, _by, now) => code.scope === '' || grantEnded(code.grant, now), { reason: 'grant_ended', burns: false }], // X09
]

/** Why a code may not be redeemed, the first reason that applies; undefined: it may. */
export function redemptionRefusal(
  code: PresentedCode,
  redemption: CodeRedemption,
  now: number,
): RedemptionRefusal | undefined {
  return refusals.find(([applies]) => applies(code, redemption, now))?.[1]
}
