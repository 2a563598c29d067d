import { type ExpressionBuilder, sql } from 'kysely'
import type {
  AuthRequest,
  BindOutcome,
  ExtendOutcome,
  NewAuthRequest,
  RequestBinding,
  RequestExtension,
} from '../api/request-storage.js'
import { StorageError } from '../api/storage-error.js'
import { writeEvent } from '../rows/audit.js'
import { displayHash, internDisplay, internResource } from '../rows/identifiers.js'
import {
  auditDelegate,
  bindingRefusal,
  boundRefusal,
  type FoundRequest,
  lockRequest,
  requestParties,
  toAuthRequest,
} from '../rows/requests.js'
import { isUnchanged, userIdOf } from '../rows/users.js'
import type { Statement, Unit } from '../sql/engine.js'
import { cachedQuery, generateId, hashBytes, idBytes, type Placeholders } from '../sql/kept-query.js'
import { type NewRow, type Tables, tables } from '../sql/tables.js'
import { agentBlocked, markSeen, noteTraits, requireHostUnblocked } from './agents.js'

export async function createAuthRequest(unit: Unit, request: NewAuthRequest): Promise<AuthRequest> {
  const { now } = unit
  // The agent's row is locked from here on, so that its requests are counted one after another.
  const marked = await markSeen(unit, request.agent)
  const { id: agentId } = marked
  if (marked.blocked_at !== null) throw agentBlocked()
  await requireHostUnblocked(unit, request.agent)
  if (request.sighting) await noteTraits(unit, marked, request.sighting)
  const row = {
    public_id: generateId(),
    token_hash: hashBytes(request.tokenHash),
    edition: request.edition,
    agent_id: agentId,
    delegate: request.delegate,
    agent_jkt: hashBytes(request.agentJkt),
    scope: request.scope,
    redirect_uri: request.redirectUri,
    prompt: request.prompt ?? null,
    ...unbound,
    created_at: now,
    expires_at: now + request.lifetime,
    resource: request.resource,
    display_hash: displayHash(request.display),
    most_open: request.maxOpen,
  }
  const inserted = (await insertRequest(unit, row)) ?? (await insertAfterNaming(unit, request, row))
  if (!inserted) throw new StorageError('too_many_requests', 'too many open requests from this agent for this resource')
  const { resource_id: resourceId } = inserted
  await writeEvent(unit, {
    event: 'request.created',
    agentId,
    resourceId,
    request: row.public_id,
    data: { scope: request.scope, jkt: request.agentJkt, ...auditDelegate(request) },
  })
  const named = { agent: request.agent, blocked_at: null, bound_user: null, display: JSON.stringify(request.display) }
  return toAuthRequest({ ...row, ...named, has_expired: false, code_alive: false })
}

/** A request that has not been opened in a browser yet. */
const unbound = {
  state: null,
  status: 'open',
  revision: 0,
  browser_hash: null,
  user_id: null,
  extensions: 0,
  decided_at: null,
} as const

/**
 * A request to insert, together with what it references. `most_open`: the maximum number of open requests from its agent for the same
 * resource, including this one.
 */
type NewRequest = Omit<NewRow<'auth_request'>, 'resource_id' | 'display_id'> & {
  resource: string
  display_hash: Uint8Array
  most_open: number
}

/** Inserts a request. Returns undefined, without inserting it, if too many requests are open or a referenced row does not exist. */
async function insertRequest(unit: Unit, row: NewRequest): Promise<{ resource_id: number } | undefined> {
  const [inserted] = await requestInsertion(unit, row)
  return inserted
}

async function insertAfterNaming(unit: Unit, { resource, display }: NewAuthRequest, row: NewRequest) {
  await internResource(unit, resource)
  await internDisplay(unit, display)
  return insertRequest(unit, row)
}

const requestInsertion = cachedQuery(({ db, locking }, row: Placeholders<NewRequest>) => {
  const named = db
    .selectFrom(['resource as s', 'display as d'])
    .where('s.identifier', '=', row.resource)
    .where('d.content_hash', '=', row.display_hash)
  const open = db
    .selectFrom('auth_request as o')
    .innerJoin('resource as s', 's.id', 'o.resource_id')
    .select((e) => e.fn.countAll<number>().as('open'))
    .where('o.agent_id', '=', row.agent_id)
    .where('s.identifier', '=', row.resource)
    .where('o.delegate', 'is not distinct from', row.delegate)
    .where('o.status', '=', 'open')
    .where('o.expires_at', '>', row.created_at)
  const { id: _, resource_id: _resource, display_id: _display, ...given } = tables.auth_request
  const names = Object.keys(given) as (keyof typeof given)[]
  const values = named
    .select(['s.id as resource_id', 'd.id as display_id'])
    .select(names.map((name) => sql`${row[name]}`.as(name)))
    .where(open, '<', row.most_open)
  return db
    .insertInto('auth_request')
    .columns(['resource_id', 'display_id', ...names])
    .expression(locking(values, { s: 'shared', d: 'shared' }))
    .returning('resource_id')
})

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
  if (reason) return { outcome: 'refused', reason, request: reason === 'other_browser' ? undefined : request }
  if (!(await isUnchanged(unit, binding))) return { outcome: 'refused', reason: 'user_changed' }
  return { outcome: 'bound', request: await bind(unit, row, binding) }
}

/** Binds a request that was unbound when it was read, provided that it is still unbound. */
async function bindFound(
  unit: Unit,
  { found, tokenHash, browserHash, userId, credentialRevision, state }: RequestBinding,
): Promise<AuthRequest | undefined> {
  if (found?.status !== 'open' || found.browserHash !== null) return undefined
  const [bound] = await firstBinding(unit, {
    token_hash: hashBytes(tokenHash),
    browser_hash: hashBytes(browserHash),
    user: idBytes(userId),
    credential_revision: credentialRevision,
    state,
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

interface FirstBinding extends UserAsRead {
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
    }))
    .where('token_hash', '=', binding.token_hash)
    .where('status', '=', 'open')
    .where('expires_at', '>', clock)
    .where('browser_hash', 'is', null)
    .where('user_id', 'is', null)
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
  { browserHash, userId, state }: RequestBinding,
): Promise<AuthRequest> {
  const request = toAuthRequest(row)
  const isFirst = request.browserHash === null
  const isNew = request.userId !== userId
  const bound = {
    state: isFirst ? (state ?? request.state) : request.state,
    revision: request.revision + (isNew && request.userId !== null ? 1 : 0),
  }
  if (!isFirst && !isNew) return request
  const { user_id: user } = await unit.db
    .updateTable('auth_request')
    .set({ ...bound, browser_hash: hashBytes(browserHash), user_id: userIdOf(unit, userId) })
    .where('id', '=', row.id)
    .returning('user_id')
    .executeTakeFirstOrThrow()
  const boundTo = requireBound(user)
  if (isNew) await writeEvent(unit, { event: 'request.bound', ...requestParties(row), userId: boundTo })
  return { ...request, ...bound, browserHash, userId }
}

/** Implements {@link RequestStorage.extendRequest}: returns the new expiry, or why the request was not extended. */
export async function extendRequest(unit: Unit, extension: RequestExtension): Promise<ExtendOutcome> {
  const row = await lockRequest(unit, extension.tokenHash)
  if (!row) return { outcome: 'refused', reason: 'unknown' }
  const reason =
    boundRefusal(toAuthRequest(row), extension) ?? (row.extensions >= extension.maxExtensions ? 'limit' : undefined)
  if (reason) return { outcome: 'refused', reason }
  if (!(await isUnchanged(unit, extension))) return { outcome: 'refused', reason: 'user_changed' }
  const extended = { expires_at: row.expires_at + extension.seconds, extensions: row.extensions + 1 }
  await unit.db.updateTable('auth_request').set(extended).where('id', '=', row.id).execute()
  const { expires_at: expiresAt, extensions } = extended
  await writeEvent(unit, { event: 'request.extended', ...requestParties(row), data: { expiresAt, extensions } })
  return { outcome: 'extended', expiresAt, extensions }
}
