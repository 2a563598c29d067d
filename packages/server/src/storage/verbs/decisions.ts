import type { Grant } from '../api/grant-storage.js'
import type {
  AuthRequest,
  DecideOutcome,
  NewHandle,
  RememberedOutcome,
  RememberedPermission,
  RequestDecision,
} from '../api/request-storage.js'
import type { ReasonOf } from '../api/storage-error.js'
import { queueNotice, writeEvent } from '../rows/audit.js'
import { lockGrant } from '../rows/grant-lists.js'
import { grantEnded, isWithinScope, scopeToGrant } from '../rows/granted-scopes.js'
import {
  auditDelegate,
  bindingRefusal,
  boundRefusal,
  type FoundRequest,
  findAuthRequest,
  lockRequest,
  requestParties,
  toAuthRequest,
} from '../rows/requests.js'
import { isUnchanged, lockAsRead } from '../rows/users.js'
import type { Unit } from '../sql/engine.js'
import { cachedQuery, hashBytes, idBytes, type Placeholders } from '../sql/kept-query.js'
import { bindAgent } from './bindings.js'
import { createCode } from './codes.js'
import { markUsed } from './grants.js'
import { createGrant } from './new-grants.js'
import { activeUser, bind, endIfStale, type UserAsRead } from './opened-requests.js'
import { waitAfter } from './throttle.js'

export async function decideRequest(unit: Unit, decision: RequestDecision): Promise<DecideOutcome> {
  const status = decision.decision === 'allow' ? 'allowed' : 'denied'
  const { judged, attempt } = decision
  const wait = attempt && (await waitAfter(unit, attempt))
  if (wait !== undefined) return { outcome: 'refused', reason: 'too_often', retryAfter: wait }
  if (!decisionRefusal(judged, decision)) {
    const [row] = await judgedDecision(unit, {
      token_hash: hashBytes(decision.tokenHash),
      status,
      browser_hash: hashBytes(decision.browserHash),
      user: idBytes(decision.userId),
      credential_revision: decision.credentialRevision,
      revision: judged.revision,
      expires_at: judged.expiresAt,
    })
    if (row) return carryOut(unit, row, judged, { status, ...decision })
  }
  return refuseDecision(unit, decision)
}

/** Returns the recorded outcome, or the reason why a decision was not recorded. */
async function refuseDecision(unit: Unit, decision: RequestDecision): Promise<DecideOutcome> {
  const request = await findAuthRequest(unit, decision.tokenHash)
  if (!request) return { outcome: 'refused', reason: 'unknown' }
  const recorded = recordedDecision(request, decision)
  if (recorded) return recorded
  const reason = decisionRefusal(request, decision)
  if (reason) return { outcome: 'refused', reason }
  return { outcome: 'refused', reason: (await isUnchanged(unit, decision)) ? 'changed' : 'user_changed' }
}

/** Carries out a decision: creates the grant and the code, and writes the audit event. */
async function carryOut(
  unit: Unit,
  row: DecidedRow,
  request: AuthRequest,
  decision: RequestDecision & { status: 'allowed' | 'denied' },
): Promise<DecideOutcome> {
  const { handle, status } = decision
  if (status === 'allowed' && (await endIfStale(unit, row, request))) return { outcome: 'refused', reason: 'changed' }
  if (status === 'allowed' && (await isBoundToOther(unit, row))) return denyForeign(unit, row, request)
  const scope = (status === 'allowed' && scopeToGrant(request.scope, decision.scope)) || undefined
  const granted = scope === undefined ? undefined : await grant(unit, row, scope, decision)
  if (granted && scope !== undefined && handle)
    await createCode(unit, row, granted.id, decision.call ? '' : scope, handle)
  await writeEvent(unit, {
    event: status === 'allowed' ? 'request.allowed' : decision.again ? 'request.denied_again' : 'request.denied',
    ...requestParties(row),
    grant: granted?.public_id,
    data: {
      scope: scope ?? request.scope,
      revision: request.revision,
      call: granted && decision.call && `${decision.call.method} ${decision.call.target}`,
      ...auditDelegate(row),
    },
  })
  if (granted?.isFirst) {
    const { agent, resource } = request
    await queueNotice(unit, deciderOf(row), 'agent_allowed', { about: { agent, resource } })
  }
  return decided(request, status, unit.now, handle)
}

/** Binds the agent of an allowed request to the user, if the request requires it. Returns true if the agent is bound to another user. */
async function isBoundToOther(unit: Unit, row: DecidedRow): Promise<boolean> {
  return row.binds_agent === 1 && !(await bindAgent(unit, row, deciderOf(row)))
}

function deciderOf({ user_id: userId }: DecidedRow): number {
  if (userId === null) throw new TypeError('the decided request is not bound to a user')
  return userId
}

/** Denies a request whose agent is bound to another user. It leads no browser to the agent: this user has nothing to do with it. */
async function denyForeign(unit: Unit, row: DecidedRow, request: AuthRequest): Promise<DecideOutcome> {
  const denied = { status: 'denied', browser_hash: null } as const
  await unit.db.updateTable('auth_request').set(denied).where('id', '=', row.id).execute()
  await writeEvent(unit, {
    event: 'request.denied',
    ...requestParties(row),
    data: { scope: request.scope, revision: request.revision, boundToOther: true, ...auditDelegate(row) },
  })
  return { ...decided({ ...request, browserHash: null }, 'denied', unit.now, undefined), boundToOther: true }
}

/** Returns the outcome that is already recorded, for the browser that decided (attacks C09). */
function recordedDecision(
  request: AuthRequest,
  { browserHash }: Pick<RequestDecision, 'browserHash'>,
): Extract<DecideOutcome, { first: boolean }> | undefined {
  const { status } = request
  if (status !== 'allowed' && status !== 'denied') return undefined
  if (request.browserHash !== browserHash) return undefined
  return { outcome: status, request, first: false }
}

/** Returns why a decision may not be recorded; undefined if it may be recorded. */
function decisionRefusal(
  request: AuthRequest,
  decision: RequestDecision,
): Exclude<ReasonOf<DecideOutcome>, 'too_often'> | undefined {
  const refusal = boundRefusal(request, decision)
  if (refusal) return refusal
  if (request.revision !== decision.revision) return 'changed'
  if (decision.decision === 'allow' && scopeToGrant(request.scope, decision.scope) === undefined) return 'changed' // C10
  return undefined
}

/** The request columns that are needed for a decision. */
type DecidedRow = Pick<
  FoundRequest,
  'id' | 'public_id' | 'edition' | 'user_id' | 'agent_id' | 'delegate' | 'resource_id' | 'display_id' | 'binds_agent'
>

interface JudgedDecision extends UserAsRead {
  token_hash: Uint8Array
  status: 'allowed' | 'denied'
  browser_hash: Uint8Array
  revision: number
  expires_at: number
}

/** Decides on a request if it is open and unchanged since it was evaluated, and locks its user. */
const judgedDecision = cachedQuery(({ db, clock, locking }, decision: Placeholders<JudgedDecision>) =>
  db
    .updateTable('auth_request')
    .set({ status: decision.status, decided_at: clock })
    .where('token_hash', '=', decision.token_hash)
    .where('status', '=', 'open')
    .where('expires_at', '>', clock)
    .where('browser_hash', '=', decision.browser_hash)
    .where('user_id', '=', (e) => locking(activeUser(e, decision), { app_user: 'alone' }))
    .where('revision', '=', decision.revision)
    .where('expires_at', '=', decision.expires_at)
    .returning(['id', 'public_id', 'edition', 'user_id', 'agent_id', 'delegate', 'resource_id', 'display_id'])
    .returning('binds_agent'),
)

/** Allows a locked request that {@link bindingRefusal} does not refuse. */
const allowLocked = cachedQuery(({ db, clock }, { id }: Placeholders<{ id: number }>) =>
  db.updateTable('auth_request').set({ status: 'allowed', decided_at: clock }).where('id', '=', id),
)

async function grant(unit: Unit, row: DecidedRow, scope: string, decision: RequestDecision) {
  const { grantLifetime: lifetime, remembered, account = null, call } = decision
  return createGrant(unit, { request: row, userId: deciderOf(row), scope, lifetime, remembered, account, call })
}

function decided(
  request: AuthRequest,
  status: 'allowed' | 'denied',
  now: number,
  handle: NewHandle | undefined,
): Extract<DecideOutcome, { first: boolean }> {
  const codeRedeemable = status === 'allowed' && handle !== undefined
  return { outcome: status, request: { ...request, status, decidedAt: now, codeRedeemable }, first: true }
}

/** Binds the request, then allows it as if the bound user had done so. */
export async function allowRemembered(unit: Unit, permission: RememberedPermission): Promise<RememberedOutcome> {
  const wait = permission.attempt && (await waitAfter(unit, permission.attempt))
  if (wait !== undefined) return { outcome: 'refused', reason: 'too_often', retryAfter: wait }
  const person = await lockAsRead(unit, permission)
  const row = await lockRequest(unit, permission.tokenHash)
  if (!row) return { outcome: 'refused', reason: 'unknown' }
  const request = toAuthRequest(row)
  const recorded = recordedDecision(request, permission)
  if (recorded) return recorded
  const reason = bindingRefusal(request, permission)
  if (reason) return { outcome: 'refused', reason }
  const kept = person ? await lockGrant(unit, { publicId: permission.grantId }) : undefined
  if (!kept || !isCovered(request, kept.grant, permission, unit.now))
    return { outcome: 'refused', reason: 'not_covered' }
  if (await endIfStale(unit, row, request)) return { outcome: 'refused', reason: 'not_covered' }
  const { id, user_id, public_id } = kept.row
  if (row.binds_agent === 1 && !(await bindAgent(unit, row, user_id)))
    return { outcome: 'refused', reason: 'not_covered' }
  const bound = await bind(unit, row, permission)
  await allowLocked(unit, { id: row.id })
  await markUsed(unit, [{ id }])
  const { handle } = permission
  if (handle) await createCode(unit, row, id, request.scope, handle)
  await writeEvent(unit, {
    event: 'request.remembered',
    ...requestParties(row),
    userId: user_id,
    grant: public_id,
    data: { scope: request.scope, ...auditDelegate(row) },
  })
  return decided(bound, 'allowed', unit.now, handle)
}

/** Whether a grant can allow this user's request without a page. */
function isCovered(
  request: AuthRequest,
  grant: Grant,
  { userId, account = null }: RememberedPermission,
  now: number,
): boolean {
  return (
    grant.remembered &&
    !grantEnded(grant, now) &&
    grant.userId === userId &&
    grant.edition === request.edition &&
    grant.agent === request.agent &&
    grant.delegate === request.delegate &&
    grant.resource === request.resource &&
    grant.account === account &&
    isWithinScope(request.scope, grant.scope)
  )
}
