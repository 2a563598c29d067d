import { type ExpressionBuilder, sql } from 'kysely'
import { deviceIdOf } from '../api/device-storage.js'
import type {
  AuthRequest,
  BindOutcome,
  ExtendOutcome,
  OpenFor,
  RequestBinding,
  RequestExtension,
} from '../api/request-storage.js'
import { writeEvent } from '../rows/audit.js'
import {
  auditDelegate,
  bindingRefusal,
  boundRefusal,
  type FoundRequest,
  lockRequest,
  requestParties,
  toAuthRequest,
} from '../rows/requests.js'
import { findUserId, isUnchanged, userIdOf } from '../rows/users.js'
import type { Statement, Unit } from '../sql/engine.js'
import { cachedQuery, hashBytes, idBytes, type Placeholders } from '../sql/kept-query.js'
import type { Tables } from '../sql/tables.js'
import { findDevice } from './devices.js'
import { exceedsAuditLimit } from './throttle.js'

export async function rememberState({ db, clock }: Statement, tokenHash: string, state: string): Promise<void> {
  await db
    .updateTable('auth_request')
    .set({ state })
    .where('token_hash', '=', hashBytes(tokenHash))
    .where('status', '=', 'open')
    .where('expires_at', '>', clock)
    .where('browser_hash', 'is', null)
    .execute()
}

export async function bindRequest(unit: Unit, binding: RequestBinding): Promise<BindOutcome> {
  const first = await bindFound(unit, binding)
  if (first) return { outcome: 'bound', request: first }
  const row = await lockRequest(unit, binding.tokenHash)
  if (!row) return { outcome: 'refused', reason: 'unknown' }
  const request = toAuthRequest(row)
  const reason = bindingRefusal(request, binding)
  if (reason === 'other_user') await reportOther(unit, row, binding)
  if (reason) {
    const isTheirs = reason !== 'other_browser' && reason !== 'other_user'
    return { outcome: 'refused', reason, request: isTheirs ? request : undefined }
  }
  if (!(await isUnchanged(unit, binding))) return { outcome: 'refused', reason: 'user_changed' }
  return { outcome: 'bound', request: await bind(unit, row, binding) }
}

/** Binds a request that was unbound when it was read, provided that it is still unbound. */
async function bindFound(
  unit: Unit,
  { found, tokenHash, browserHash, userId, credentialRevision, state, openFor = asBefore }: RequestBinding,
): Promise<AuthRequest | undefined> {
  if (found?.status !== 'open' || found.browserHash !== null) return undefined
  if (found.requiredUserId !== null && found.requiredUserId !== userId) return undefined
  const [bound] = await firstBinding(unit, {
    token_hash: hashBytes(tokenHash),
    browser_hash: hashBytes(browserHash),
    user: idBytes(userId),
    credential_revision: credentialRevision,
    state,
    ...openFor,
  })
  if (!bound) return undefined
  await writeEvent(unit, { event: 'request.bound', ...requestParties(bound), userId: requireBound(bound.user_id) })
  return {
    ...found,
    state: bound.state,
    browserHash,
    userId,
    expiresAt: bound.expires_at,
    extensions: bound.extensions,
  }
}

/** With this, opening a request does not change its expiry. */
const asBefore: OpenFor = { seconds: 0, most: 0 }

interface FirstBinding extends UserAsRead, OpenFor {
  token_hash: Uint8Array
  browser_hash: Uint8Array
  state: string | null
}

const firstBinding = cachedQuery(({ db, clock }, binding: Placeholders<FirstBinding>) =>
  db
    .updateTable('auth_request')
    .set((e) => ({
      state: e.fn.coalesce(binding.state, 'state'),
      browser_hash: binding.browser_hash,
      user_id: activeUser(e, binding),
      expires_at: sql<number>`case when expires_at >= ${clock} + ${binding.seconds} then expires_at
        when created_at + ${binding.most} <= ${clock} + ${binding.seconds} then created_at + ${binding.most}
        else ${clock} + ${binding.seconds} end`,
    }))
    .where('token_hash', '=', binding.token_hash)
    .where('status', '=', 'open')
    .where('expires_at', '>', clock)
    .where('browser_hash', 'is', null)
    .where((e) => e.exists(activeUser(e, binding)))
    .returning(['public_id', 'agent_id', 'resource_id', 'user_id', 'state', 'expires_at', 'extensions']),
)

/** A user's record as it was read, as database values. */
export interface UserAsRead {
  user: Uint8Array
  credential_revision: number
}

/** Returns a subquery for the id of a user who may decide: one who is active, and whose record has not changed since it was read. */
export function activeUser(e: ExpressionBuilder<Tables, 'auth_request'>, by: Placeholders<UserAsRead>) {
  return e
    .selectFrom('app_user')
    .select('id')
    .where('public_id', '=', by.user)
    .where('disabled_at', 'is', null)
    .where('credential_revision', '=', by.credential_revision)
}

function requireBound(user: number | null): number {
  if (user === null) throw new TypeError('the user to whom the request is bound does not exist')
  return user
}

/** Binds a locked request that {@link bindingRefusal} does not refuse. */
export async function bind(
  unit: Unit,
  row: FoundRequest,
  { browserHash, userId, state, openFor }: RequestBinding,
): Promise<AuthRequest> {
  const request = toAuthRequest(row)
  const isFirst = request.browserHash === null
  const isNew = request.userId !== userId
  const bound = {
    state: isFirst ? (state ?? request.state) : request.state,
    revision: request.revision + (isNew && request.userId !== null ? 1 : 0),
    expiresAt: isFirst ? openUntil(request, unit.now, openFor) : request.expiresAt,
  }
  if (!isFirst && !isNew) return request
  const { user_id: user } = await unit.db
    .updateTable('auth_request')
    .set({
      state: bound.state,
      revision: bound.revision,
      expires_at: bound.expiresAt,
      browser_hash: hashBytes(browserHash),
      user_id: userIdOf(unit, userId),
    })
    .where('id', '=', row.id)
    .returning('user_id')
    .executeTakeFirstOrThrow()
  const boundTo = requireBound(user)
  if (isNew) await writeEvent(unit, { event: 'request.bound', ...requestParties(row), userId: boundTo })
  return { ...request, ...bound, browserHash, userId }
}

/** When a request that is opened now expires. */
function openUntil({ createdAt, expiresAt }: AuthRequest, now: number, openFor: OpenFor | undefined): number {
  if (!openFor) return expiresAt
  return Math.max(expiresAt, Math.min(now + openFor.seconds, createdAt + openFor.most))
}

/** Reports that a user opened a request who is not the one that it requires. The request stays open for the user that it requires. */
async function reportOther(unit: Unit, row: FoundRequest, { tokenHash, userId }: RequestBinding): Promise<void> {
  if (await exceedsAuditLimit(unit, 'request.other_user', tokenHash)) return
  await writeEvent(unit, {
    event: 'request.other_user',
    ...requestParties(row),
    userId: await findUserId(unit, userId),
    data: auditDelegate(row),
  })
}

/** Implements {@link RequestStorage.extendRequest}: returns the new expiry, or why the request was not extended. */
export async function extendRequest(unit: Unit, extension: RequestExtension): Promise<ExtendOutcome> {
  const row = await lockRequest(unit, extension.tokenHash)
  if (!row) return { outcome: 'refused', reason: 'unknown' }
  const { seconds, maxExtensions, mostLifetime = Infinity } = extension
  const expiresAt = Math.min(row.expires_at + seconds, row.created_at + mostLifetime)
  const isLimit = row.extensions >= maxExtensions || expiresAt <= row.expires_at
  const reason = boundRefusal(toAuthRequest(row), extension) ?? (isLimit ? 'limit' : undefined)
  if (reason) return { outcome: 'refused', reason }
  if (!(await isUnchanged(unit, extension))) return { outcome: 'refused', reason: 'user_changed' }
  const extended = { expires_at: expiresAt, extensions: row.extensions + 1 }
  await unit.db.updateTable('auth_request').set(extended).where('id', '=', row.id).execute()
  const { extensions } = extended
  await writeEvent(unit, { event: 'request.extended', ...requestParties(row), data: { expiresAt, extensions } })
  return { outcome: 'extended', expiresAt, extensions }
}

/**
 * Ends a request instead of allowing it if it is of its user's device, which was disconnected or has expired. A request that a device sends
 * while it is being disconnected may be stored after its open requests were ended. Both disconnecting a device and a decision lock the user.
 *
 * @returns whether the request was ended
 */
export async function endIfStale(
  unit: Unit,
  { id }: Pick<FoundRequest, 'id'>,
  { delegate, requiredUserId }: AuthRequest,
): Promise<boolean> {
  const named = requiredUserId === null ? undefined : deviceIdOf(delegate)
  const device = named === undefined ? undefined : await findDevice(unit, { id: named })
  if (device?.isLive !== false) return false
  await unit.db.updateTable('auth_request').set({ status: 'revoked', decided_at: null }).where('id', '=', id).execute()
  return true
}
