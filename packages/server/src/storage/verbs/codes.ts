import { randomBytes } from 'node:crypto'
import type { AuditEventName } from '../api/audit-events.js'
import type {
  CodeRedemption,
  Grant,
  NewRefreshToken,
  PreparedIssue,
  RedeemOutcome,
  UserTokenIssue,
} from '../api/grant-storage.js'
import type { NewHandle } from '../api/request-storage.js'
import type { ReasonOf } from '../api/storage-error.js'
import type { Subjects } from '../api/user.js'
import { writeEvent } from '../rows/audit.js'
import { grants, isUseDue, toGrant } from '../rows/grant-lists.js'
import { commonScope, grantEnded, lastEndOf, requireCurrent, requireSubjects } from '../rows/granted-scopes.js'

import type { FoundRequest } from '../rows/requests.js'
import { planSubjects, storeSubjects, subjectColumns, toUser } from '../rows/users.js'
import type { Parts, Statement, Unit } from '../sql/engine.js'
import {
  cachedInsertion,
  cachedQuery,
  hashBytes,
  hashText,
  idBytes,
  onlyOf,
  type Placeholders,
} from '../sql/kept-query.js'
import { agentBlocked, requireHostUnblocked, requireUnblocked } from './agents.js'
import { markUsed } from './grants.js'
import { useAgentToken } from './received-revocations.js'
import { exceedsAuditLimit } from './throttle.js'
import { generateTokenIssue, storeIssue } from './token-issues.js'

/** A stored code and its grant. */
interface FoundCode {
  row: Awaited<ReturnType<typeof presented>>[number]
  grant: Grant
  /** The unexpired permissions for the token for which the code is exchanged. */
  scope: string
}

/** Creates the code in the response to an allowed request, which can be redeemed under its grant. */
export async function createCode(
  unit: Unit,
  { id }: Pick<FoundRequest, 'id'>,
  grantId: number,
  scope: string,
  { handleHash, handleLifetime }: NewHandle,
): Promise<void> {
  const [code_hash, expires_at] = [hashBytes(handleHash), unit.now + handleLifetime]
  await codeInsertion(unit, [{ request_id: id, code_hash, grant_id: grantId, scope, expires_at, consumed_at: null }])
}

const codeInsertion = cachedInsertion('code')

/** Implements {@link GrantStorage.prepareRedemption}. */
export async function prepareRedemption(
  statement: Statement,
  redemption: CodeRedemption,
): Promise<PreparedIssue | undefined> {
  const [row] = await readCode(statement, { codeHash: hashBytes(redemption.codeHash) })
  const code = row && toCode(row)
  if (!code || row.blocked_at !== null || redemptionRefusal(code, redemption, row.read_at)) return undefined
  const issue = issueOf(code, redemption, row.read_at, await planSubjects(statement, row))
  return { grant: code.grant, user: toUser(row), issue }
}

function issueOf(
  { grant, scope }: FoundCode,
  redemption: CodeRedemption,
  now: number,
  subjects: Subjects,
): UserTokenIssue {
  const { tokenLifetime, notAfter, refresh } = redemption
  const terms = { tokenLifetime, notAfter, now, family: refresh?.family, isTracked: isTracked(redemption), subjects }
  return generateTokenIssue(grant, scope, terms)
}

function isTracked({ isTracked = false, refresh }: CodeRedemption): boolean {
  return isTracked && refresh?.family === undefined
}

export async function redeemCode(unit: Unit, redemption: CodeRedemption): Promise<RedeemOutcome> {
  const { jkt, refresh } = redemption
  const { now } = unit
  const code = await lockCode(unit, redemption.codeHash)
  if (code?.grant.agent !== redemption.agent) await requireUnblocked(unit, redemption.agent)
  else if (code.row.blocked_at !== null) throw agentBlocked()
  else await requireHostUnblocked(unit, redemption.agent)
  if (!code) return { outcome: 'refused', reason: 'unknown' }
  const refusal = redemptionRefusal(code, redemption, now)
  if (refusal) return refuse(unit, code, redemption, refusal)
  if (redemption.agentToken) await useAgentToken(unit, redemption, redemption.agentToken)
  const { grant, row, scope } = code
  const subjects = await storeSubjects(unit, row, redemption.issue ?? (await planSubjects(unit, row)))
  const { issue = issueOf(code, redemption, now, subjects) } = redemption
  requireCurrent(issue, grant, scope)
  requireSubjects(issue, subjects)
  await consumeCode(unit, code)
  await storeIssue(unit, issue, {
    grant_id: row.id,
    request_id: row.request_id,
    tracked: isTracked(redemption) ? 1 : 0,
  })
  if (isUseDue(grant.lastUsedAt, now)) await markUsed(unit, [row])
  const end = lastEndOf(grant.permissions, scope)
  const outlives = end === null || end > issue.expiresAt
  const refreshIssued = refresh !== undefined && refresh.isOffered !== false && outlives && !grant.call // W14
  if (refreshIssued) await createRefreshToken(unit, code, refresh, end)
  else if (refresh?.family !== undefined) await createRefreshToken(unit, code, withoutToken(refresh), issue.expiresAt)
  await writeRedemption(unit, code, 'code.redeemed', { jkt, jti: issue.jti, refreshIssued })
  return {
    outcome: 'redeemed',
    grant: { ...grant, lastUsedAt: now },
    user: toUser(row),
    issue,
    refreshIssued,
  }
}

/**
 * Locks a code, so that no other caller redeems it before the end of the transaction, and protects its agent, grant and user against
 * changes.
 */
async function lockCode(unit: Unit, codeHash: string): Promise<FoundCode | undefined> {
  const wanted = { codeHash: hashBytes(codeHash) }
  // If this statement waited for a concurrent replacement of the grant, it found no row, because the code now belongs to the new grant.
  // That cannot happen again, because the user is locked.
  const row = (await presented(unit, wanted))[0] ?? (await presented(unit, wanted))[0]
  return row && toCode(row)
}

function toCode(row: FoundCode['row']): FoundCode {
  const grant = toGrant(row)
  return { row, grant, scope: grant.call ? grant.scope : commonScope(row.code_scope, grant.scope) }
}

/**
 * Codes with their grants, and with the fields of their requests that determine who may redeem them. A request has the same parties as its
 * grant.
 */
function codes(parts: Parts, { codeHash }: Placeholders<{ codeHash: Uint8Array }>) {
  return grants(parts)
    .select(subjectColumns)
    .innerJoin('code as c', 'c.grant_id', 'g.id')
    .innerJoin('auth_request as r', 'r.id', 'c.request_id')
    .select(['c.request_id', 'c.scope as code_scope', 'c.expires_at as code_expires_at', 'c.consumed_at'])
    .select(['r.public_id as request_public_id', 'r.token_hash', 'r.agent_jkt', 'r.redirect_uri'])
    .where('c.code_hash', '=', codeHash)
}

const readCode = cachedQuery(codes)

const presented = cachedQuery((parts, wanted: Placeholders<{ codeHash: Uint8Array }>) =>
  parts.locking(codes(parts, wanted), { u: 'shared', a: 'shared', g: 'alone', c: 'alone' }),
)

const consumption = cachedQuery(({ db, clock }, { requestId }: Placeholders<{ requestId: number }>) =>
  db
    .updateTable('code')
    .set({ consumed_at: clock })
    .where('request_id', '=', requestId)
    .where('consumed_at', 'is', null)
    .returning('request_id'),
)

async function consumeCode(unit: Unit, { row }: FoundCode): Promise<void> {
  onlyOf(await consumption(unit, { requestId: row.request_id }))
}

async function createRefreshToken(
  unit: Unit,
  { row, scope }: FoundCode,
  { tokenHash, family, idleSeconds, lifetime }: NewRefreshToken,
  end: number | null,
): Promise<void> {
  // A family ends with the decision for which it was issued, even if the user allows the same for longer later.
  const expires = Math.min(unit.now + lifetime, family === undefined ? Infinity : (end ?? Infinity))
  const token = {
    token_hash: hashBytes(tokenHash),
    grant_id: row.id,
    request_id: row.request_id,
    scope,
    expires_at: expires,
    idle_seconds: idleSeconds,
    idle_expires_at: Math.min(unit.now + idleSeconds, expires),
    last_used_at: family === undefined ? null : unit.now,
    revoked_at: null,
    family: family === undefined ? null : idBytes(family),
    generation: 0,
    previous_hash: null,
    rotated_at: null,
  }
  await refreshTokenInsertion(unit, [token])
}

/** Only the family, whose tokens can be revoked: no refresh token has a random hash. */
function withoutToken(refresh: NewRefreshToken): NewRefreshToken {
  return { ...refresh, tokenHash: randomBytes(32).toString('base64url') }
}

const refreshTokenInsertion = cachedInsertion('refresh_token')

async function refuse(
  unit: Unit,
  code: FoundCode,
  redemption: CodeRedemption,
  refusal: RedemptionRefusal,
): Promise<RedeemOutcome> {
  const burns = refusal.burns && redemption.burnsOnMisuse !== false
  if (burns && code.row.consumed_at === null) await consumeCode(unit, code)
  if (refusal.event) {
    const refreshRevoked = refusal.reason === 'used' && (await revokeRefreshOf(unit, code))
    const told = refreshRevoked || !(await exceedsAuditLimit(unit, refusal.event, redemption.codeHash))
    if (told)
      await writeRedemption(unit, code, refusal.event, {
        jkt: redemption.jkt,
        presentedBy: redemption.agent,
        delegate: redemption.delegate,
        refreshRevoked: refreshRevoked || undefined,
      })
  }
  return { outcome: 'refused', reason: refusal.reason }
}

async function revokeRefreshOf({ db, now }: Unit, { row }: FoundCode): Promise<boolean> {
  const revoked = await db
    .updateTable('refresh_token')
    .set({ revoked_at: now })
    .where('request_id', '=', row.request_id)
    .where('revoked_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return revoked !== undefined
}

async function writeRedemption(
  unit: Unit,
  { row }: FoundCode,
  event: AuditEventName,
  data: Record<string, string | boolean | null | undefined>,
): Promise<void> {
  await writeEvent(unit, {
    event,
    userId: row.user_id,
    agentId: row.agent_id,
    resourceId: row.resource_id,
    grant: row.public_id,
    request: row.request_public_id,
    data,
  })
}

interface RedemptionRefusal {
  reason: Exclude<ReasonOf<RedeemOutcome>, 'unknown'>
  /** Whether the code is marked as used, so that it can never be redeemed later. */
  burns: boolean
  /** The audit event that this refusal writes. */
  event?: AuditEventName
}

const refusals: readonly [(code: FoundCode, by: CodeRedemption, now: number) => boolean, RedemptionRefusal][] = [
  [
    (code, by) => code.grant.agent !== by.agent,
    { reason: 'foreign_agent', burns: true, event: 'code.foreign_agent' }, // X04
  ],
  [
    (code, by) => code.grant.delegate !== by.delegate,
    { reason: 'foreign_delegate', burns: true, event: 'code.foreign_delegate' }, // X05
  ],
  [
    ({ row }, by) => by.bindToKey === true && hashText(row.agent_jkt) !== by.jkt,
    { reason: 'foreign_key', burns: true, event: 'code.foreign_key' }, // X06
  ],
  [({ row }) => row.consumed_at !== null, { reason: 'used', burns: false, event: 'code.reused' }], // X01
  [({ row }, _by, now) => row.code_expires_at <= now, { reason: 'expired', burns: false }], // X03
  [(_code, by, now) => by.notAfter !== undefined && by.notAfter <= now, { reason: 'expired', burns: false }],
  [
    ({ row }, by) => by.requestTokenHash !== undefined && by.requestTokenHash !== hashText(row.token_hash),
    { reason: 'injected', burns: true, event: 'code.injected' }, // X20
  ],
  [
    // The right agent made a mistake, which it can fix: no one else has obtained the code.
    ({ row }, by) => by.redirectUri !== undefined && by.redirectUri !== row.redirect_uri,
    { reason: 'redirect_mismatch', burns: false, event: 'code.redirect_mismatch' }, // W12
  ],
  [({ grant }, by) => by.isResource?.(grant.resource) === false, { reason: 'other_resource', burns: false }],
  [({ row }) => row.disabled_at !== null, { reason: 'user_disabled', burns: false }], // X09
  [(code, _by, now) => code.scope === '' || grantEnded(code.grant, now), { reason: 'grant_ended', burns: false }], // X09
]

/** Returns the first reason why a code may not be redeemed; undefined if it may be redeemed. */
function redemptionRefusal(code: FoundCode, redemption: CodeRedemption, now: number): RedemptionRefusal | undefined {
  return refusals.find(([applies]) => applies(code, redemption, now))?.[1]
}
