import { sql } from 'kysely'
import type { AuditEventName } from '../api/audit-events.js'
import type { UsedGrant } from '../api/grant-storage.js'
import type { Refresh, RefreshOutcome, RefreshTokenRevocation, Rotation } from '../api/refresh-storage.js'
import type { ReasonOf } from '../api/storage-error.js'
import { writeEvent } from '../rows/audit.js'
import {
  isUseDue,
  lockGrant,
  lockingGrants,
  toUsedGrant,
  type UsedGrantRow,
  usedEvery,
  usedGrants,
} from '../rows/grant-lists.js'
import { commonScope, grantEnded, scopeToGrant } from '../rows/granted-scopes.js'

import { auditDelegate } from '../rows/requests.js'
import { knownSubjects, subjectColumns, toUser } from '../rows/users.js'
import type { Parts, Statement, Unit } from '../sql/engine.js'
import { cachedQueryOfRows, hashBytes, hashText, idBytes, onlyOf, type Placeholders } from '../sql/kept-query.js'
import { blockedHosts, hostBlockedAt, isHostBlocked } from './agents.js'
import { markUsed } from './grants.js'
import { exceedsAuditLimit } from './throttle.js'
import { generateTokenIssue } from './token-issues.js'

/** A stored refresh token and its grant. */
export interface FoundToken {
  row: Awaited<ReturnType<typeof tokens>>[number]
  grant: UsedGrant
  /** The token's permissions that have not expired. */
  scope: string
}

/** The outcome of a refresh, and what must be written for it. */
interface JudgedRefresh {
  outcome: RefreshOutcome
  /** The grant that is used, and the token if either its own use or its grant's use has not been written recently. */
  use?: { grantId: number; dueToken: number | undefined; at: number }
  /** Whether the refusal must be recorded. */
  isRecorded?: boolean
}

/** Evaluates refresh tokens without writing anything. */
export async function judgeRefreshes(statement: Statement, refreshes: readonly Refresh[]): Promise<JudgedRefresh[]> {
  const [found, hosts] = await Promise.all([
    findTokens(statement, refreshes),
    blockedHosts(
      statement,
      refreshes.map(({ agent }) => agent),
    ),
  ])
  return refreshes.map((refresh) =>
    judge(found.get(refresh.tokenHash), refresh, hostBlockedAt(hosts, refresh.agent) !== null),
  )
}

function judge(token: FoundToken | undefined, refresh: Refresh, isHostBlocked: boolean): JudgedRefresh {
  if (!token) return { outcome: { outcome: 'refused', reason: 'unknown' } }
  const { row, grant } = token
  const now = row.read_at
  const refusal = refreshRefusal(token, refresh, now, isHostBlocked)
  if (refusal) {
    return { outcome: { outcome: 'refused', reason: refusal.reason }, isRecorded: refusal.event !== undefined }
  }
  const scope = scopeToGrant(token.scope, refresh.scope)
  if (scope === undefined) return { outcome: { outcome: 'refused', reason: 'scope_exceeded' } } // RFC 6749 §6
  // A grant that has just replaced another one may not have been used yet, even if the token has been, so both are checked.
  const isDue = isUseDue(row.token_used_at, now) || isUseDue(row.last_used_at, now)
  const issue = generateTokenIssue(grant, scope, {
    tokenLifetime: refresh.tokenLifetime,
    notAfter: refresh.notAfter,
    now,
    subjects: knownSubjects(row),
  })
  return {
    outcome: { outcome: 'refreshed', grant, user: toUser(row), issue },
    use: { grantId: row.id, dueToken: isDue ? row.token_id : undefined, at: now },
  }
}

/** Whether the use of a token must be written before anything is issued for it. */
export function mustRecordUse({ use }: JudgedRefresh): boolean {
  return use?.dueToken !== undefined
}

/**
 * Writes when the evaluated refresh tokens and their grants were last used, unless this was done recently. These times determine which
 * tokens may still be valid under a revoked grant, so they are written before a token is issued. Evaluates the tokens again afterwards,
 * because a grant or token may have been revoked while this waited to write. Grants that other transactions have locked are skipped, and
 * still have to be recorded.
 */
export const recordUses = recording(lockingGrants('alone', 'passing'))

/** Like {@link recordUses}, but waits for other transactions. */
const recordUse = recording(lockingGrants('alone'))

/** Evaluates a refresh token and writes its use. */
export async function useRefreshToken(unit: Unit, refresh: Refresh): Promise<JudgedRefresh> {
  return onlyOf(await recordUse(unit, await judgeRefreshes(unit, [refresh]), [refresh]))
}

function recording(lock: ReturnType<typeof lockingGrants>) {
  return async (
    unit: Unit,
    judged: readonly JudgedRefresh[],
    refreshes: readonly Refresh[],
  ): Promise<readonly JudgedRefresh[]> => {
    const due = judged.flatMap(({ use }) => (use?.dueToken === undefined ? [] : [{ ...use, dueToken: use.dueToken }]))
    if (due.length === 0) return judged
    const locked = await lock(
      unit,
      due.map(({ grantId: id }) => ({ id })),
    )
    const ids = new Set(locked.map(({ id }) => id))
    const used = due.filter(({ grantId }) => ids.has(grantId))
    if (used.length === 0) return judged
    const [, , again] = await Promise.all([
      useOfTokens(
        unit,
        used.map(({ dueToken: id }) => ({ id })),
      ),
      markUsed(unit, locked),
      judgeRefreshes(unit, refreshes),
    ])
    return again
  }
}

/** Records why a refresh token was refused, after evaluating it again. */
export async function recordRefusedRefresh(unit: Unit, refresh: Refresh): Promise<void> {
  const token = (await findTokens(unit, [refresh])).get(refresh.tokenHash)
  const event = token && refreshRefusal(token, refresh, unit.now, await isHostBlocked(unit, refresh.agent))?.event
  if (event) await writeRefusal(unit, token, refresh, event)
}

/** Refresh tokens with their grants. The caller narrows the query. */
export function heldTokens(parts: Parts) {
  return usedGrants(parts)
    .select(subjectColumns)
    .innerJoin('refresh_token as t', 't.grant_id', 'g.id')
    .select(['t.id as token_id', 't.token_hash', 't.scope as token_scope', 't.idle_expires_at'])
    .select(['t.expires_at as token_expires_at', 't.last_used_at as token_used_at', 't.revoked_at as token_revoked_at'])
}

const tokens = cachedQueryOfRows((parts, presented: readonly Placeholders<{ tokenHash: Uint8Array }>[]) =>
  heldTokens(parts)
    .where(
      't.token_hash',
      'in',
      presented.map(({ tokenHash }) => tokenHash),
    )
    .where('t.family', 'is', null),
)

/** Returns the tokens that exist, keyed by their hashes. */
async function findTokens(
  statement: Statement,
  refreshes: readonly Pick<Refresh, 'tokenHash'>[],
): Promise<Map<string, FoundToken>> {
  const rows = await tokens(
    statement,
    refreshes.map(({ tokenHash }) => ({ tokenHash: hashBytes(tokenHash) })),
  )
  return new Map(rows.map((row) => [hashText(row.token_hash), toToken(row)]))
}

/** Returns a row of {@link heldTokens} with its grant. */
export function toToken<R extends FoundToken['row']>(row: R): FoundToken & { row: R } {
  const grant = toUsedGrant(row)
  return { row, grant, scope: commonScope(row.token_scope, grant.scope) }
}

export const useOfTokens = cachedQueryOfRows(({ db, clock }, used: readonly Placeholders<{ id: number }>[]) =>
  db
    .updateTable('refresh_token')
    .set({
      last_used_at: clock,
      idle_expires_at: sql`case when expires_at < ${clock} + idle_seconds then expires_at else ${clock} + idle_seconds end`,
    })
    .where(
      'id',
      'in',
      used.map(({ id }) => id),
    )
    .where((e) =>
      e.or([e('last_used_at', 'is', null), e('last_used_at', '<=', sql<number>`${clock} - ${sql.lit(usedEvery)}`)]),
    ),
)

/** Records why a refresh token was refused, unless this was recorded too often. */
export async function writeRefusal(
  unit: Unit,
  { row }: FoundToken,
  { tokenHash, agent, delegate, jkt }: Presentation,
  event: AuditEventName,
): Promise<void> {
  if (await exceedsAuditLimit(unit, event, tokenHash)) return
  await writeEvent(unit, { event, ...grantParties(row), data: { jkt, presentedBy: agent, delegate } })
}

/** Returns the parties of a grant, for an audit event. */
export function grantParties({ user_id, agent_id, resource_id, public_id }: UsedGrantRow) {
  return { userId: user_id, agentId: agent_id, resourceId: resource_id, grant: public_id }
}

export async function revokeRefreshToken(unit: Unit, token: RefreshTokenRevocation): Promise<boolean> {
  const held = await unit.db
    .selectFrom('refresh_token')
    .select(['id', 'grant_id'])
    .where((e) =>
      'family' in token
        ? e('family', '=', idBytes(token.family))
        : e.and([e('token_hash', '=', hashBytes(token.tokenHash)), e('family', 'is', null)]),
    )
    .executeTakeFirst()
  if (!held) return false
  const kept = await lockGrant(unit, { id: held.grant_id })
  if (kept?.row.agent !== token.agent || kept.row.delegate !== token.delegate) return false
  if (!(await markTokenRevoked(unit, held.id))) return false
  await writeEvent(unit, { event: 'refresh.revoked', ...grantParties(kept.row), data: auditDelegate(kept.row) })
  return true
}

/** Returns false if the token was already revoked. */
export async function markTokenRevoked({ db, now }: Unit, id: number): Promise<boolean> {
  const revoked = await db
    .updateTable('refresh_token')
    .set({ revoked_at: now })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return revoked !== undefined
}

interface RefreshRefusal {
  reason: Exclude<ReasonOf<RefreshOutcome>, 'unknown' | 'scope_exceeded'>
  /** The audit event that this refusal writes. */
  event?: AuditEventName
}

/** Who presents which refresh token. */
type Presentation = Pick<Rotation, 'tokenHash' | 'agent' | 'delegate' | 'jkt'> & Pick<Refresh, 'notAfter'>

type Row = readonly [
  (token: FoundToken, by: Presentation, now: number, isHostBlocked: boolean) => boolean,
  RefreshRefusal,
]

const refusals: readonly Row[] = [
  [(token, by) => token.grant.agent !== by.agent, { reason: 'foreign_agent', event: 'refresh.foreign_agent' }], // X10
  [
    (token, by) => token.grant.delegate !== by.delegate,
    { reason: 'foreign_delegate', event: 'refresh.foreign_delegate' },
  ], // X11
  [({ row }, _by, _now, isHostBlocked) => isHostBlocked || row.blocked_at !== null, { reason: 'agent_blocked' }], // A19
  [({ row }) => row.disabled_at !== null, { reason: 'user_disabled' }],
  [(token, _by, now) => token.scope === '' || grantEnded(token.grant, now), { reason: 'grant_ended' }], // X13
  [({ row }) => row.token_revoked_at !== null, { reason: 'revoked' }],
  [({ row }, _by, now) => row.token_expires_at <= now, { reason: 'expired' }], // X14
  [(_token, by, now) => by.notAfter !== undefined && by.notAfter <= now, { reason: 'expired' }],
  [({ row }, _by, now) => row.idle_expires_at <= now, { reason: 'idle' }], // X14
]

/** Returns the first reason why a refresh token is refused; undefined if it is accepted. */
export function refreshRefusal(
  token: FoundToken,
  by: Presentation,
  now: number,
  isHostBlocked: boolean,
): RefreshRefusal | undefined {
  return refusals.find(([applies]) => applies(token, by, now, isHostBlocked))?.[1]
}
