import type { Refresh, RefreshOutcome, UsedGrant } from '../api/grant-storage.js'
import type { ReasonOf } from '../api/reason-of.js'
import type { User } from '../api/user.js'
import { grantEnded } from '../rows/granted-scopes.js'

/** A stored refresh token with what it stands for. */
export interface PresentedRefreshToken {
  /** What of it has not ended. */
  scope: string
  expiresAt: number
  idleSeconds: number
  idleExpiresAt: number
  lastUsedAt: number | null
  revokedAt: number | null
  agentBlocked: boolean
  grant: UsedGrant
  user: User
}

interface RefreshRefusal {
  reason: Exclude<ReasonOf<RefreshOutcome>, 'unknown' | 'scope_exceeded'>
  /** The audit row this leaves. */
  event?: string
}

type Row = readonly [(token: PresentedRefreshToken, by: Refresh, now: number) => boolean, RefreshRefusal]

const refusals: readonly Row[] = [
  [(token, by) => token.grant.agent !== by.agent, { reason: 'foreign_agent', event: 'refresh.foreign_agent' }], // X10
  [
    (token, by) => token.grant.delegate !== by.delegate,
    { reason: 'foreign_delegate', event: 'refresh.foreign_delegate' },
  ], // X11
  [(token) => token.agentBlocked, { reason: 'agent_blocked' }], // A19
  [(token) => token.user.status !== 'active', { reason: 'user_disabled' }],
  [(token, _by, now) => token.scope === '' || grantEnded(token.grant, now), { reason: 'grant_ended' }], // X13
  [(token) => token.revokedAt !== null, { reason: 'revoked' }],
  [(token, _by, now) => token.expiresAt <= now, { reason: 'expired' }], // X14
  [(token, _by, now) => token.idleExpiresAt <= now, { reason: 'idle' }], // X14
]

/** Why a refresh token gives nothing, the first reason that applies; undefined: it does. */
export function refreshRefusal(
  token: PresentedRefreshToken,
  refresh: Refresh,
  now: number,
): RefreshRefusal | undefined {
  return refusals.find(([applies]) => applies(token, refresh, now))?.[1]
}
