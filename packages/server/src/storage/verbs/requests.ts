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
import { internResource } from '../rows/identifiers.js'
import {
  auditDelegate,
  bindingRefusal,
  boundRefusal,
  displayHash,
  type FoundRequest,
  internDisplay,
  lockRequest,
  requestParties,
  toAuthRequest,
} from '../rows/requests.js'
import { isUnchanged, userIdOf } from '../rows/users.js'
import type { Statement, Unit } from '../sql/engine.js'
import { generateId, hashBytes, idBytes, idText, keptQuery, type Placeholders } from '../sql/kept-query.js'
import type { Row, Tables } from '../sql/tables.js'
import { agentBlocked, markSeen, noteTraits } from './agents.js'

export async function createAuthRequest(unit: Unit, request: NewAuthRequest): Promise<AuthRequest> {
  const { now } = unit
  // The agent's row is held from here on, so that its requests are counted one after the other.
  const marked = await markSeen(unit, request.agent)
  const { id: agentId } = marked
  if (marked.blocked_at !== null) throw agentBlocked()
  if (request.sighting) await noteTraits(unit, marked, request.sighting)
  const row = {
    public_id: generateId(),
    token_hash: hashBytes(request.tokenHash),
    agent_id: agentId,
    delegate: request.delegate,
    agent_jkt: hashBytes(request.agentJkt),
    scope: request.scope,
    redirect_uri: request.redirectUri,
    prompt: request.prompt ?? null,
    expires_at: now + request.lifetime,
    resource: request.resource,
    display_hash: displayHash(request.display),
    most_open: request.maxOpen,
  }
  const inserted = (await insertRequest(unit, row)) ?? (await insertAfterNaming(unit, request, row))
  if (!inserted) throw new StorageError('too_many_requests', 'too many open requests of this agent for this resource')
  const { resource_id: resourceId } = inserted
  await writeEvent(unit, {
    event: 'request.created',
    agentId,
    resourceId,
    request: row.public_id,
    data: { scope: request.scope, jkt: request.agentJkt, ...auditDelegate(request) },
  })
  return {
    id: idText(row.public_id),
    agent: request.agent,
    agentBlocked: false,
    delegate: request.delegate,
    agentJkt: request.agentJkt,
    resource: request.resource,
    scope: request.scope,
    redirectUri: request.redirectUri,
    state: null,
    display: request.display,
    status: 'open',
    revision: 0,
    browserHash: null,
    userId: null,
    prompt: request.prompt ?? null,
    extensions: 0,
    createdAt: now,
    expiresAt: now + request.lifetime,
    decidedAt: null,
    codeAlive: false,
  }
}

/** A request to be inserted, which names what it is about; `most_open`: its agent's, with it, for the same. */
type NewRow = Pick<
  Row<'auth_request'>,
  | 'public_id'
  | 'token_hash'
  | 'agent_id'
  | 'delegate'
  | 'agent_jkt'
  | 'scope'
  | 'redirect_uri'
  | 'prompt'
  | 'expires_at'
> & { resource: string; display_hash: Uint8Array; most_open: number }

/** Inserts a request, unless so many are open, or what it names has no row; undefined: it did not. */
async function insertRequest(unit: Unit, row: NewRow): Promise<{ resource_id: number } | undefined> {
  const [inserted] = await requestInsertion(unit, row)
  return inserted
}

async function insertAfterNaming(unit: Unit, { resource, display }: NewAuthRequest, row: NewRow) {
  await internResource(unit, resource)
  await internDisplay(unit, display)
  return insertRequest(unit, row)
}

/** In the order in which the insertion names them. */
const insertedColumns = [
  'public_id',
  'token_hash',
  'agent_id',
  'delegate',
  'agent_jkt',
  'resource_id',
  'scope',
  'redirect_uri',
  'display_id',
  'prompt',
  'status',
  'revision',
  'extensions',
  'created_at',
  'expires_at',
] as const

const requestInsertion = keptQuery(({ db, clock, locking }, row: Placeholders<NewRow>) => {
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
    .where('o.expires_at', '>', clock)
  const values = named
    .select([row.public_id.as('public_id'), row.token_hash.as('token_hash'), row.agent_id.as('agent_id')])
    .select([row.delegate.as('delegate'), row.agent_jkt.as('agent_jkt'), 's.id as resource_id', row.scope.as('scope')])
    .select([row.redirect_uri.as('redirect_uri'), 'd.id as display_id', row.prompt.as('prompt')])
    .select([sql.lit('open').as('status'), sql.lit(0).as('revision'), sql.lit(0).as('extensions')])
    .select([clock.as('created_at'), row.expires_at.as('expires_at')])
    .where(open, '<', row.most_open)
  return db
    .insertInto('auth_request')
    .columns(insertedColumns)
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

/** Binds a request that was found unbound, if it still is. */
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

const firstBinding = keptQuery(({ db, clock }, binding: Placeholders<FirstBinding>) =>
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

/** A user as they were read, in the database's terms. */
export interface UserAsRead {
  user: Uint8Array
  credential_revision: number
}

/** The row of a user who may decide: they are active, and as they were read. */
export function activeUser(e: ExpressionBuilder<Tables, 'auth_request'>, by: Placeholders<UserAsRead>) {
  return e
    .selectFrom('app_user')
    .select('id')
    .where('public_id', '=', by.user)
    .where('disabled_at', 'is', null)
    .where('credential_revision', '=', by.credential_revision)
}

function requireBound(user: number | null): number {
  if (user === null) throw new TypeError('a request is bound to a person that there is')
  return user
}

/** Binds a request that is kept, and that {@link bindingRefusal} says nothing against. */
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

/** Implements {@link RequestStorage.extendRequest}: the new expiry, or why the request was not extended. */
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
