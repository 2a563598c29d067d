import { lockUser, toUser } from '../accounts/users.js'
import { isAgentBlocked } from '../agents/agents.js'
import { agentIdOf } from '../agents/identifiers.js'
import { writeEvent } from '../audit/audit.js'
import type { Unit } from '../engines/engine.js'
import { hashBytes } from '../engines/stored-bytes.js'
import { auditDelegate } from '../requests/requests.js'
import { isOneTooMany } from '../throttle/throttle.js'
import { type FoundGrant, lockGrant } from './grant-lists.js'
import type { Refresh, RefreshOutcome } from './grant-storage.js'
import { commonScope, scopeToGrant } from './granted-scopes.js'
import { markUsed } from './grants.js'
import { type PresentedRefreshToken, refreshRefusal } from './refresh-refusal.js'
import { generateTokenIssue } from './token-issues.js'

/** Seconds within which the use of a grant is written once. */
export const usedEvery = 60

const day = 24 * 60 * 60

/** A presented refresh token with the rows that it stands for. */
interface FoundToken extends PresentedRefreshToken {
  id: number
  grantRow: FoundGrant
}

export async function refreshGrant(unit: Unit, refresh: Refresh): Promise<RefreshOutcome> {
  const { now } = unit
  const token = await lockToken(unit, refresh.tokenHash)
  if (!token) return { outcome: 'refused', reason: 'unknown' }
  const refusal = refreshRefusal(token, refresh, now)
  if (refusal) {
    if (refusal.event) await writeRefusal(unit, token, refresh, refusal.event)
    return { outcome: 'refused', reason: refusal.reason }
  }
  const scope = scopeToGrant(token.scope, refresh.scope)
  if (scope === undefined) return { outcome: 'refused', reason: 'scope_exceeded' } // RFC 6749 §6
  const { grant, user } = token
  await countRefresh(unit, token.grantRow.id)
  await recordUse(unit, token)
  return { outcome: 'refreshed', grant, user, issue: generateTokenIssue(grant, scope, refresh.tokenLifetime, now) }
}

/** A refresh token that nobody else changes to the end of the transaction. */
async function lockToken(unit: Unit, tokenHash: string): Promise<FoundToken | undefined> {
  const presented = unit.db.selectFrom('refresh_token').selectAll().where('token_hash', '=', hashBytes(tokenHash))
  await unit.lockRows('alone', presented)
  const row = await presented.executeTakeFirst()
  if (!row) return undefined
  const kept = await lockGrant(unit, { id: row.grant_id })
  const user = kept && (await lockUser(unit, { id: kept.row.user_id }))
  if (!user) throw new TypeError('a refresh token has lost its grant or user')
  await unit.lockRows('shared', agentIdOf(unit, kept.grant.agent))
  return {
    id: row.id,
    scope: commonScope(row.scope, kept.grant.scope),
    expiresAt: row.expires_at,
    idleSeconds: row.idle_seconds,
    idleExpiresAt: row.idle_expires_at,
    lastUsedAt: row.last_used_at,
    revokedAt: row.revoked_at,
    agentBlocked: await isAgentBlocked(unit, kept.grant.agent),
    grant: kept.grant,
    user: toUser(user),
    grantRow: kept.row,
  }
}

async function countRefresh({ db, now }: Unit, grantId: number): Promise<void> {
  await db
    .insertInto('grant_usage_day')
    .values({ grant_id: grantId, day_at: now - (now % day), refreshes: 1 })
    .onConflict((conflict) =>
      conflict
        .columns(['grant_id', 'day_at'])
        .doUpdateSet((e) => ({ refreshes: e('grant_usage_day.refreshes', '+', 1) })),
    )
    .execute()
}

async function recordUse(unit: Unit, { id, grantRow, lastUsedAt, idleSeconds, expiresAt }: FoundToken): Promise<void> {
  const { db, now } = unit
  if (lastUsedAt !== null && lastUsedAt > now - usedEvery) return
  await db
    .updateTable('refresh_token')
    .set({ last_used_at: now, idle_expires_at: Math.min(now + idleSeconds, expiresAt) })
    .where('id', '=', id)
    .execute()
  await markUsed(unit, grantRow.id)
}

async function writeRefusal(
  unit: Unit,
  { grantRow }: FoundToken,
  { tokenHash, agent, delegate, jkt }: Refresh,
  event: string,
): Promise<void> {
  if (await isOneTooMany(unit, event, tokenHash)) return
  await writeEvent(unit, { event, ...grantParties(grantRow), data: { jkt, presentedBy: agent, delegate } })
}

function grantParties({ user_id, agent_id, resource_id, public_id }: FoundGrant) {
  return { userId: user_id, agentId: agent_id, resourceId: resource_id, grant: public_id }
}

export async function revokeRefreshToken(
  unit: Unit,
  { tokenHash, agent, delegate }: { tokenHash: string; agent: string; delegate: string | null },
): Promise<boolean> {
  const { db, now } = unit
  const revoked = await db
    .updateTable('refresh_token')
    .set({ revoked_at: now })
    .where('token_hash', '=', hashBytes(tokenHash))
    .where('revoked_at', 'is', null)
    .where('grant_id', 'in', (e) =>
      e
        .selectFrom('consent_grant as g')
        .select('g.id')
        .whereRef('g.id', '=', 'refresh_token.grant_id')
        .where('g.agent_id', '=', agentIdOf(unit, agent))
        .where('g.delegate', 'is not distinct from', delegate),
    )
    .returning('grant_id')
    .executeTakeFirst()
  const kept = revoked && (await lockGrant(unit, { id: revoked.grant_id }))
  if (!kept) return false
  await writeEvent(unit, { event: 'refresh.revoked', ...grantParties(kept.row), data: auditDelegate(kept.row) })
  return true
}
