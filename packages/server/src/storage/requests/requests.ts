import { type SqlBool, sql } from 'kysely'
import { findUserId } from '../accounts/users.js'
import { agentBlocked, markSeen, noteTraits } from '../agents/agents.js'
import { internResource } from '../agents/identifiers.js'
import { type Happening, writeEvent } from '../audit/audit.js'
import type { Statement, Unit } from '../engines/engine.js'
import { generateId } from '../engines/generate-id.js'
import { hashBytes, hashText, idText } from '../engines/stored-bytes.js'
import { StorageError } from '../storage-error.js'
import { internDisplay } from './displays.js'
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
  const { db, now } = unit
  // The agent's row is held from here on, so that its requests are counted one after the other.
  const marked = await markSeen(unit, request.agent)
  const { id: agentId } = marked
  if (marked.blocked_at !== null) throw agentBlocked()
  if (request.sighting) await noteTraits(unit, marked, request.sighting)
  const resourceId = await internResource(unit, request.resource)
  const parties = { agentId, resourceId, delegate: request.delegate }
  if ((await countOpen(unit, parties)) >= request.maxOpen) {
    throw new StorageError('too_many_requests', 'too many open requests of this agent for this resource')
  }
  const made = await db
    .insertInto('auth_request')
    .values({
      public_id: generateId(),
      token_hash: hashBytes(request.tokenHash),
      agent_id: agentId,
      delegate: request.delegate,
      agent_jkt: hashBytes(request.agentJkt),
      resource_id: resourceId,
      scope: request.scope,
      redirect_uri: request.redirectUri,
      display_id: await internDisplay(unit, request.display),
      status: 'open',
      revision: 0,
      prompt: request.prompt ?? null,
      extensions: 0,
      created_at: now,
      expires_at: now + request.lifetime,
    })
    .returning('public_id')
    .executeTakeFirstOrThrow()
  await writeEvent(unit, {
    event: 'request.created',
    agentId,
    resourceId,
    request: made.public_id,
    data: { ...auditDelegate(request), scope: request.scope, jkt: request.agentJkt },
  })
  return {
    id: idText(made.public_id),
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

async function countOpen(
  { db, now }: Unit,
  { agentId, resourceId, delegate }: { agentId: number; resourceId: number; delegate: string | null },
): Promise<number> {
  const { open } = await db
    .selectFrom('auth_request')
    .select((e) => e.fn.countAll().as('open'))
    .where('agent_id', '=', agentId)
    .where('resource_id', '=', resourceId)
    .where('delegate', 'is not distinct from', delegate)
    .where('status', '=', 'open')
    .where('expires_at', '>', now)
    .executeTakeFirstOrThrow()
  return Number(open)
}

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
  const user = await findUserId(unit, userId)
  if (user === undefined) throw new TypeError('a request is bound to a person that there is')
  const isFirst = request.browserHash === null
  const isNew = row.user_id !== user
  const bound = {
    state: isFirst ? (state ?? request.state) : request.state,
    revision: request.revision + (isNew && row.user_id !== null ? 1 : 0),
  }
  if (isFirst || isNew) {
    await unit.db
      .updateTable('auth_request')
      .set({ ...bound, browser_hash: hashBytes(browserHash), user_id: user })
      .where('id', '=', row.id)
      .execute()
  }
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
  const hash = hashBytes(tokenHash)
  await unit.lockRows('alone', unit.db.selectFrom('auth_request').select('id').where('token_hash', '=', hash))
  return requests(unit).where('r.token_hash', '=', hash).executeTakeFirst()
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
