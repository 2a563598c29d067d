import { findUser } from '../accounts/users.js'
import { isAgentBlocked } from '../agents/agents.js'
import { writeEvent } from '../audit/audit.js'
import type { Unit } from '../engines/unit.js'
import { isOneTooMany } from '../throttle/throttle.js'
import { generateTokenIssue } from './generate-token-issue.js'
import { findRow, toGrant } from './grant-lists.js'
import type { Refresh, RefreshOutcome } from './grant-storage.js'
import { markUsed } from './grants.js'
import { type PresentedRefreshToken, refreshRefusal } from './refresh-refusal.js'
import { grantedScope } from './scope-set.js'
import { startOfDay } from './start-of-day.js'

/** Seconds within which the use of a grant is written once. */
export const usedEvery = 60

export async function refreshGrant(unit: Unit, refresh: Refresh): Promise<RefreshOutcome> {
  const { now } = unit
  const token = await findToken(unit, refresh.tokenHash)
  if (!token) return { outcome: 'refused', reason: 'unknown' }
  const refusal = refreshRefusal(token, refresh, now)
  if (refusal) {
    if (refusal.event) await writeRefusal(unit, token, refresh, refusal.event)
    return { outcome: 'refused', reason: refusal.reason }
  }
  const scope = grantedScope(token.scope, refresh.scope)
  if (scope === undefined) return { outcome: 'refused', reason: 'scope_exceeded' } // RFC 6749 §6
  const { grant, user } = token
  await countRefresh(unit, grant.id)
  await recordUse(unit, token, refresh)
  return {
    outcome: 'refreshed',
    grant,
    user,
    issue: generateTokenIssue(grant, scope, refresh.tokenLifetime, now),
  }
}

async function findToken(unit: Unit, tokenHash: string): Promise<PresentedRefreshToken | undefined> {
  const { db, tenant } = unit
  const row = await db
    .selectFrom('refresh_token')
    .selectAll()
    .where('tenant_id', '=', tenant)
    .where('token_hash', '=', tokenHash)
    .executeTakeFirst()
  if (!row) return undefined
  const grant = await findRow(unit, row.grant_id)
  const user = grant && (await findUser(unit, grant.user_id))
  if (!user) throw new TypeError('a refresh token has lost its grant or user')
  return {
    agent: row.agent,
    delegate: row.delegate,
    scope: row.scope,
    expiresAt: row.expires_at,
    idleSeconds: row.idle_seconds,
    idleExpiresAt: row.idle_expires_at,
    lastUsedAt: row.last_used_at,
    revokedAt: row.revoked_at,
    agentBlocked: await isAgentBlocked(unit, row.agent),
    grant: toGrant(grant),
    user,
  }
}

async function countRefresh({ db, tenant, now }: Unit, grantId: string): Promise<void> {
  await db
    .insertInto('grant_usage_day')
    .values({ tenant_id: tenant, grant_id: grantId, day: startOfDay(now), refreshes: 1 })
    .onConflict((conflict) =>
      conflict
        .columns(['tenant_id', 'grant_id', 'day'])
        .doUpdateSet((e) => ({ refreshes: e('grant_usage_day.refreshes', '+', 1) })),
    )
    .execute()
}

async function recordUse(
  unit: Unit,
  { grant, lastUsedAt, idleSeconds, expiresAt }: PresentedRefreshToken,
  { tokenHash, jkt }: Refresh,
): Promise<void> {
  const { db, tenant, now } = unit
  if (lastUsedAt !== null && lastUsedAt > now - usedEvery) return
  await db
    .updateTable('refresh_token')
    .set({ last_used_at: now, last_used_jkt: jkt, idle_expires_at: Math.min(now + idleSeconds, expiresAt) })
    .where('tenant_id', '=', tenant)
    .where('token_hash', '=', tokenHash)
    .execute()
  await markUsed(unit, grant.id)
}

async function writeRefusal(
  unit: Unit,
  { grant }: PresentedRefreshToken,
  { tokenHash, agent, delegate, jkt }: Refresh,
  event: string,
): Promise<void> {
  if (await isOneTooMany(unit, `${event} ${tokenHash}`)) return
  await writeEvent(unit, {
    event,
    userId: grant.userId,
    agent: grant.agent,
    resource: grant.resource,
    grantId: grant.id,
    data: { jkt, presentedBy: agent, delegate },
  })
}

export async function revokeRefreshToken(
  unit: Unit,
  { tokenHash, agent, delegate }: { tokenHash: string; agent: string; delegate: string | null },
): Promise<boolean> {
  const { db, tenant, now } = unit
  const revoked = await db
    .updateTable('refresh_token')
    .set({ revoked_at: now })
    .where('tenant_id', '=', tenant)
    .where('token_hash', '=', tokenHash)
    .where('agent', '=', agent)
    .where('delegate', 'is not distinct from', delegate)
    .where('revoked_at', 'is', null)
    .returning('grant_id')
    .executeTakeFirst()
  if (!revoked) return false
  const grant = await findRow(unit, revoked.grant_id)
  await writeEvent(unit, {
    event: 'refresh.revoked',
    userId: grant?.user_id,
    agent,
    resource: grant?.resource,
    grantId: revoked.grant_id,
    data: { delegate },
  })
  return true
}
