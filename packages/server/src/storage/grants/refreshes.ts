import { sql } from 'kysely'
import { writeEvent } from '../audit/audit.js'
import type { Statement, Unit } from '../engines/engine.js'
import { keptQuery, type Placeholders } from '../engines/kept-query.js'
import { hashBytes } from '../engines/stored-bytes.js'
import { auditDelegate } from '../requests/requests.js'
import { isOneTooMany } from '../throttle/throttle.js'
import { isUseDue, usedEvery } from '../usage/usage.js'
import { lockGrant, personOf, toUsedGrant, type UsedGrantRow, usedGrants } from './grant-lists.js'
import type { Refresh, RefreshOutcome, RefreshTokenRevocation } from './grant-storage.js'
import { commonScope, scopeToGrant } from './granted-scopes.js'
import { markUsed } from './grants.js'
import { type PresentedRefreshToken, refreshRefusal } from './refresh-refusal.js'
import { generateTokenIssue } from './token-issues.js'

/** A presented refresh token with the rows that it stands for. */
interface FoundToken extends PresentedRefreshToken {
  id: number
  grantRow: UsedGrantRow
}

/** What a refresh token gives, and what is to be written of that. */
export interface JudgedRefresh {
  outcome: RefreshOutcome
  /** The grant that gives something, and the token where its use was not written shortly before. */
  use?: { grantId: number; dueToken: number | undefined; at: number }
  /** Whether the refusal is to be put on record. */
  isRecorded?: boolean
}

/** Judges a refresh token, and writes nothing. */
export async function judgeRefresh(statement: Statement, refresh: Refresh): Promise<JudgedRefresh> {
  const token = await findToken(statement, refresh.tokenHash)
  if (!token) return { outcome: { outcome: 'refused', reason: 'unknown' } }
  const now = token.grantRow.read_at
  const refusal = refreshRefusal(token, refresh, now)
  if (refusal) {
    return { outcome: { outcome: 'refused', reason: refusal.reason }, isRecorded: refusal.event !== undefined }
  }
  const scope = scopeToGrant(token.scope, refresh.scope)
  if (scope === undefined) return { outcome: { outcome: 'refused', reason: 'scope_exceeded' } } // RFC 6749 §6
  const { grant, user, lastUsedAt } = token
  return {
    outcome: { outcome: 'refreshed', grant, user, issue: generateTokenIssue(grant, scope, refresh.tokenLifetime, now) },
    use: { grantId: token.grantRow.id, dueToken: isUseDue(lastUsedAt, now) ? token.id : undefined, at: now },
  }
}

/**
 * Judges a refresh token and writes its use, unless that was done shortly before. It judges again after that: a removal may
 * have come while this waited to write.
 */
export async function useRefreshToken(unit: Unit, refresh: Refresh): Promise<JudgedRefresh> {
  const judged = await judgeRefresh(unit, refresh)
  if (judged.use?.dueToken === undefined) return judged
  const { grantId, dueToken: tokenId, at } = judged.use
  await recordUse(unit, { grantId, tokenId, at })
  return judgeRefresh(unit, refresh)
}

/** Puts on record why a refresh token was refused; it is judged again. */
export async function recordRefusedRefresh(unit: Unit, refresh: Refresh): Promise<void> {
  const token = await findToken(unit, refresh.tokenHash)
  const event = token && refreshRefusal(token, refresh, unit.now)?.event
  if (event) await writeRefusal(unit, token, refresh, event)
}

const tokens = keptQuery((parts, { tokenHash }: Placeholders<{ tokenHash: Uint8Array }>) =>
  usedGrants(parts)
    .innerJoin('refresh_token as t', 't.grant_id', 'g.id')
    .select(['t.id as token_id', 't.scope as token_scope', 't.idle_seconds', 't.idle_expires_at'])
    .select(['t.expires_at as token_expires_at', 't.last_used_at as token_used_at', 't.revoked_at as token_revoked_at'])
    .where('t.token_hash', '=', tokenHash),
)

async function findToken(statement: Statement, tokenHash: string): Promise<FoundToken | undefined> {
  const [row] = await tokens(statement, { tokenHash: hashBytes(tokenHash) })
  if (!row) return undefined
  const grant = toUsedGrant(row)
  return {
    id: row.token_id,
    scope: commonScope(row.token_scope, grant.scope),
    expiresAt: row.token_expires_at,
    idleSeconds: row.idle_seconds,
    idleExpiresAt: row.idle_expires_at,
    lastUsedAt: row.token_used_at,
    revokedAt: row.token_revoked_at,
    agentBlocked: row.blocked_at !== null,
    grant,
    user: personOf(row),
    grantRow: row,
  }
}

/**
 * Writes when a refresh token and its grant were last used. Which tokens may be alive under a removed grant is known by
 * that, so it is written before one is given.
 */
async function recordUse(
  unit: Unit,
  { grantId, tokenId, at }: { grantId: number; tokenId: number; at: number },
): Promise<void> {
  await unit.lockRows('alone', unit.db.selectFrom('consent_grant').select('id').where('id', '=', grantId))
  const written = await unit.db
    .updateTable('refresh_token')
    .set({
      last_used_at: at,
      idle_expires_at: sql`case when expires_at < ${at} + idle_seconds then expires_at else ${at} + idle_seconds end`,
    })
    .where('id', '=', tokenId)
    .where((e) => e.or([e('last_used_at', 'is', null), e('last_used_at', '<=', at - usedEvery)]))
    .returning('id')
    .executeTakeFirst()
  if (written) await markUsed(unit, grantId)
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

function grantParties({ user_id, agent_id, resource_id, public_id }: UsedGrantRow) {
  return { userId: user_id, agentId: agent_id, resourceId: resource_id, grant: public_id }
}

export async function revokeRefreshToken(
  unit: Unit,
  { tokenHash, agent, delegate }: RefreshTokenRevocation,
): Promise<boolean> {
  const held = await unit.db
    .selectFrom('refresh_token')
    .select('grant_id')
    .where('token_hash', '=', hashBytes(tokenHash))
    .executeTakeFirst()
  const kept = held && (await lockGrant(unit, { id: held.grant_id }))
  if (kept?.row.agent !== agent || kept.row.delegate !== delegate) return false
  const revoked = await unit.db
    .updateTable('refresh_token')
    .set({ revoked_at: unit.now })
    .where('token_hash', '=', hashBytes(tokenHash))
    .where('revoked_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  if (!revoked) return false
  await writeEvent(unit, { event: 'refresh.revoked', ...grantParties(kept.row), data: auditDelegate(kept.row) })
  return true
}
