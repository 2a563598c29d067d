import { type Selectable, type SqlBool, sql } from 'kysely'
import { userIdOf } from '../accounts/users.js'
import { agentBlocked, markSeen, noteTraits } from '../agents/agents.js'
import { internResource } from '../agents/identifiers.js'
import { type Happening, writeEvent } from '../audit/audit.js'
import type { Statement, Unit } from '../engines/engine.js'
import { generateId } from '../engines/generate-id.js'
import { hashBytes, hashText, idText } from '../engines/stored-bytes.js'
import type { AuthRequestRow } from '../engines/tables.js'
import { StorageError } from '../storage-error.js'
import { displayHash, internDisplay } from './displays.js'
import type {
  AuthRequest,
  AuthRequestStatus,
  BindOutcome,
  ExtendOutcome,
  NewAuthRequest,
  RequestBinding,
  RequestExtension,
} from './request-storage.js'

export async function createAuthRequest(unit: Unit, request: NewAuthRequest): Promise<AuthRequest> {
  const { now } = unit
  // The agent's row is held from here on, so that its requests are counted one after the other.
  const marked = await markSeen(unit, request.agent)
  const { id: agentId } = marked
  if (marked.blocked_at !== null) throw agentBlocked()
  if (request.sighting) await noteTraits(unit, marked, request.sighting)
  const { resourceId, displayId } = await internNamed(unit, request)
  const row = {
    public_id: generateId(),
    token_hash: hashBytes(request.tokenHash),
    agent_id: agentId,
    delegate: request.delegate,
    agent_jkt: hashBytes(request.agentJkt),
    resource_id: resourceId,
    scope: request.scope,
    redirect_uri: request.redirectUri,
    display_id: displayId,
    status: 'open' as const,
    revision: 0,
    prompt: request.prompt ?? null,
    extensions: 0,
    created_at: now,
    expires_at: now + request.lifetime,
  }
  if (!(await insertRequest(unit, row, request.maxOpen))) {
    throw new StorageError('too_many_requests', 'too many open requests of this agent for this resource')
  }
  await writeEvent(unit, {
    event: 'request.created',
    agentId,
    resourceId,
    request: row.public_id,
    data: { ...auditDelegate(request), scope: request.scope, jkt: request.agentJkt },
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

/** The rows by which a request names its resource and what pages show of it: in one statement where both are known. */
async function internNamed(
  unit: Unit,
  { resource, display }: NewAuthRequest,
): Promise<{ resourceId: number; displayId: number }> {
  const named = unit.db
    .selectFrom(['resource', 'display'])
    .select(['resource.id as resourceId', 'display.id as displayId'])
    .where('resource.identifier', '=', resource)
    .where('display.content_hash', '=', displayHash(display))
  const known = await unit.locking(named, { resource: 'shared', display: 'shared' }).executeTakeFirst()
  return known ?? { resourceId: await internResource(unit, resource), displayId: await internDisplay(unit, display) }
}

/** Inserts an open request, unless so many are open of its agent, delegate and resource; whether it did. */
async function insertRequest({ db, now }: Unit, row: NewRow, maxOpen: number): Promise<boolean> {
  const open = db
    .selectFrom('auth_request as o')
    .select((e) => e.fn.countAll<number>().as('open'))
    .where('o.agent_id', '=', row.agent_id)
    .where('o.resource_id', '=', row.resource_id)
    .where('o.delegate', 'is not distinct from', row.delegate)
    .where('o.status', '=', 'open')
    .where('o.expires_at', '>', now)
  const columns = Object.keys(row) as (keyof NewRow)[]
  const values = columns.map((column) => sql.val(row[column]).as(column))
  const inserted = await db
    .insertInto('auth_request')
    .columns(columns)
    .expression(db.selectNoFrom(values).where(open, '<', maxOpen))
    .returning('id')
    .executeTakeFirst()
  return inserted !== undefined
}

type NewRow = Omit<Selectable<AuthRequestRow>, 'id' | 'state' | 'browser_hash' | 'user_id' | 'decided_at'>

export async function findAuthRequest(statement: Statement, tokenHash: string): Promise<AuthRequest | undefined> {
  const row = await requests(statement).where('r.token_hash', '=', hashBytes(tokenHash)).executeTakeFirst()
  return row && toAuthRequest(row)
}

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
  const row = await lockRequest(unit, binding.tokenHash)
  if (!row) return { outcome: 'refused', reason: 'unknown' }
  const request = toAuthRequest(row)
  const reason = bindingRefusal(request, binding)
  if (reason) return { outcome: 'refused', reason, request: reason === 'other_browser' ? undefined : request }
  return { outcome: 'bound', request: await bind(unit, row, binding) }
}

/** Why a request may not be bound to a browser; undefined: it may, or is. */
export function bindingRefusal(
  request: AuthRequest,
  { browserHash }: Pick<RequestBinding, 'browserHash'>,
): 'expired' | 'not_open' | 'other_browser' | undefined {
  if (request.status === 'expired') return 'expired'
  if (request.status !== 'open') return 'not_open'
  return request.browserHash === null || request.browserHash === browserHash ? undefined : 'other_browser'
}

/** Why a browser and its user may do nothing with a request that is to be bound to them; undefined: they may. */
export function boundRefusal(
  request: AuthRequest,
  by: Pick<RequestBinding, 'browserHash' | 'userId'>,
): ReturnType<typeof bindingRefusal> | 'other_user' {
  const refusal = bindingRefusal(request, by)
  if (refusal) return refusal
  if (request.browserHash !== by.browserHash) return 'other_browser'
  return request.userId === by.userId ? undefined : 'other_user'
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
  if (user === null) throw new TypeError('a request is bound to a person that there is')
  if (isNew) await writeEvent(unit, { event: 'request.bound', ...requestParties(row), userId: user })
  return { ...request, ...bound, browserHash, userId }
}

export async function extendRequest(unit: Unit, extension: RequestExtension): Promise<ExtendOutcome> {
  const row = await lockRequest(unit, extension.tokenHash)
  if (!row) return { outcome: 'refused', reason: 'unknown' }
  const reason =
    boundRefusal(toAuthRequest(row), extension) ?? (row.extensions >= extension.maxExtensions ? 'limit' : undefined)
  if (reason) return { outcome: 'refused', reason }
  const extended = { expires_at: row.expires_at + extension.seconds, extensions: row.extensions + 1 }
  await unit.db.updateTable('auth_request').set(extended).where('id', '=', row.id).execute()
  const { expires_at: expiresAt, extensions } = extended
  await writeEvent(unit, { event: 'request.extended', ...requestParties(row), data: { expiresAt, extensions } })
  return { outcome: 'extended', expiresAt, extensions }
}

/** A request that nobody else changes to the end of the transaction. */
export async function lockRequest(unit: Unit, tokenHash: string): Promise<FoundRequest | undefined> {
  const wanted = requests(unit).where('r.token_hash', '=', hashBytes(tokenHash))
  const row = await unit.locking(wanted, { r: 'alone' }).executeTakeFirst()
  if (!row) return undefined
  // Where this waited for another decision or binding, it has not read the code or the person of that.
  const isWhole = row.status === 'open' && (row.user_id === null) === (row.user === null)
  return isWhole ? row : wanted.executeTakeFirst()
}

/** Requests with all that they name, how they stand now, and whether their codes are alive, to be narrowed. */
export function requests({ db, clock }: Statement) {
  const codeAlive = sql<SqlBool>`exists (
    select 1 from code as c join consent_grant as g on g.id = c.grant_id
    where c.request_id = r.id and c.consumed_at is null and c.expires_at > ${clock}
      and g.revoked_at is null and (g.expires_at is null or g.expires_at > ${clock}))`
  return db
    .selectFrom('auth_request as r')
    .innerJoin('agent as a', 'a.id', 'r.agent_id')
    .innerJoin('resource as s', 's.id', 'r.resource_id')
    .innerJoin('display as d', 'd.id', 'r.display_id')
    .leftJoin('app_user as u', 'u.id', 'r.user_id')
    .selectAll('r')
    .select(['a.identifier as agent', 'a.blocked_at', 's.identifier as resource', 'd.display', 'u.public_id as user'])
    .select(sql<SqlBool>`r.status = 'open' and r.expires_at <= ${clock}`.as('has_expired'))
    .select(codeAlive.as('code_alive'))
}

export type FoundRequest = Awaited<ReturnType<ReturnType<typeof requests>['executeTakeFirstOrThrow']>>

export function toAuthRequest(row: FoundRequest): AuthRequest {
  const status: AuthRequestStatus = row.has_expired ? 'expired' : row.status
  return {
    id: idText(row.public_id),
    agent: row.agent,
    agentBlocked: row.blocked_at !== null,
    delegate: row.delegate,
    agentJkt: hashText(row.agent_jkt),
    resource: row.resource,
    scope: row.scope,
    redirectUri: row.redirect_uri,
    state: row.state,
    display: JSON.parse(row.display),
    status,
    revision: row.revision,
    browserHash: row.browser_hash && hashText(row.browser_hash),
    userId: row.user && idText(row.user),
    prompt: row.prompt,
    extensions: row.extensions,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    decidedAt: row.decided_at,
    codeAlive: Boolean(row.code_alive),
  }
}

/** Whom an event of a request is about. */
export function requestParties(row: FoundRequest): Pick<Happening, 'userId' | 'agentId' | 'resourceId' | 'request'> {
  return { userId: row.user_id, agentId: row.agent_id, resourceId: row.resource_id, request: row.public_id }
}

/** The delegate as the data of an event; nothing where the agent asks for itself. */
export function auditDelegate({ delegate }: { delegate: string | null }): { delegate: string | undefined } {
  return { delegate: delegate ?? undefined }
}
