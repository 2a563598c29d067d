import { sql } from 'kysely'
import type { AuthRequest, NewAuthRequest } from '../api/request-storage.js'
import { StorageError } from '../api/storage-error.js'
import { writeEvent } from '../rows/audit.js'
import { displayHash, internDisplay, internResource } from '../rows/identifiers.js'
import { auditDelegate, toAuthRequest } from '../rows/requests.js'
import { findUserId } from '../rows/users.js'
import type { Unit } from '../sql/engine.js'
import { cachedQuery, generateId, hashBytes, idBytes, type Placeholders } from '../sql/kept-query.js'
import { type NewRow, tables } from '../sql/tables.js'
import { agentBlocked, markSeen, noteTraits, requireHostUnblocked } from './agents.js'
import { recordDependencies } from './received-revocations.js'

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
    binds_agent: request.bindsAgent ? 1 : 0,
    ...unbound,
    details: request.details ? JSON.stringify(request.details) : null,
    poll_hash: request.pollHash === undefined ? null : hashBytes(request.pollHash),
    required_user_id: await requiredUser(unit, request),
    link_handle: request.linkHandle ?? null,
    created_at: now,
    expires_at: now + request.lifetime,
    resource: request.resource,
    display_hash: displayHash(request.display),
    most_open: request.maxOpen,
  }
  if (request.linkHandle !== undefined) await requireFreeHandle(unit, request.linkHandle)
  if (request.maxOpenOfAgent !== undefined) await requireFewOpen(unit, row, request.maxOpenOfAgent)
  const inserted = (await insertRequest(unit, row)) ?? (await insertAfterNaming(unit, request, row))
  if (!inserted) {
    // Another transaction may have inserted a request with the same handle in the meantime.
    if (request.linkHandle !== undefined) await requireFreeHandle(unit, request.linkHandle)
    throw new StorageError('too_many_requests', 'too many open requests from this agent for this resource')
  }
  const { id, resource_id: resourceId } = inserted
  if (request.agentToken || request.resourceTokenId !== undefined) await recordDependencies(unit, request, id)
  await writeEvent(unit, {
    event: 'request.created',
    agentId,
    resourceId,
    request: row.public_id,
    data: { scope: request.scope, jkt: request.agentJkt, ...auditDelegate(request) },
  })
  const named = {
    agent: request.agent,
    blocked_at: null,
    bound_user: null,
    required_user: request.requiredUserId === undefined ? null : idBytes(request.requiredUserId),
    display: JSON.stringify(request.display),
  }
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
  wrong_links: 0,
  answered_at: null,
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

/** @throws TypeError if the user that the request requires does not exist */
async function requiredUser(unit: Unit, { requiredUserId }: NewAuthRequest): Promise<number | null> {
  if (requiredUserId === undefined) return null
  const id = await findUserId(unit, requiredUserId)
  if (id === undefined) throw new TypeError('the user that the request requires does not exist')
  return id
}

/** Requires that no other open request has this handle. Requests that have expired give theirs up. */
async function requireFreeHandle({ db, now }: Unit, handle: string): Promise<void> {
  const taken = db.updateTable('auth_request').where('link_handle', '=', handle).where('status', '=', 'open')
  await taken.where('expires_at', '<=', now).set({ link_handle: null }).execute()
  const other = await db
    .selectFrom('auth_request')
    .select('id')
    .where('link_handle', '=', handle)
    .where('status', '=', 'open')
    .executeTakeFirst()
  if (other) throw new StorageError('link_taken', 'another open request has this link handle')
}

/** Requires that an agent, whose row is locked, has fewer than `most` open requests. */
async function requireFewOpen({ db, now }: Unit, row: NewRequest, most: number): Promise<void> {
  const open = await db
    .selectFrom('auth_request')
    .select('id')
    .where('agent_id', '=', row.agent_id)
    .where('delegate', 'is not distinct from', row.delegate)
    .where('status', '=', 'open')
    .where('expires_at', '>', now)
    .limit(most)
    .execute()
  if (open.length >= most) throw new StorageError('too_many_requests', 'too many open requests from this agent')
}

/** Inserts a request. Returns undefined, without inserting it, if too many requests are open or a referenced row does not exist. */
async function insertRequest(unit: Unit, row: NewRequest): Promise<{ id: number; resource_id: number } | undefined> {
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
    // The status is a literal, to match the index.
    .selectFrom('auth_request as o')
    .innerJoin('resource as s', 's.id', 'o.resource_id')
    .select((e) => e.fn.countAll<number>().as('open'))
    .where('o.agent_id', '=', row.agent_id)
    .where('s.identifier', '=', row.resource)
    .where('o.delegate', 'is not distinct from', row.delegate)
    .where('o.status', '=', sql.lit('open'))
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
    .onConflict((conflict) => conflict.doNothing())
    .returning(['id', 'resource_id'])
})
