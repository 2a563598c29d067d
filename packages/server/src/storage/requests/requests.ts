import { sql } from 'kysely'
import { markSeen, requireUnblocked } from '../agents/agents.js'
import { writeEvent } from '../audit/audit.js'
import { generateId } from '../engines/generate-id.js'
import type { AuthRequestRow } from '../engines/tables.js'
import type { Unit } from '../engines/unit.js'
import { StorageError } from '../storage-error.js'
import { extensionRefusal } from './extension-refusal.js'
import { requestStatus } from './request-status.js'
import type {
  AuthRequest,
  BindOutcome,
  ExtendOutcome,
  NewAuthRequest,
  RequestBinding,
  RequestExtension,
} from './request-storage.js'

export async function createAuthRequest(unit: Unit, request: NewAuthRequest): Promise<AuthRequest> {
  const { db, tenant, now } = unit
  await markSeen(unit, request.agent)
  await requireUnblocked(unit, request.agent)
  if ((await countOpen(unit, request)) >= request.maxOpen) {
    throw new StorageError('too_many_requests', 'too many open requests of this agent for this resource')
  }
  const row: AuthRequestRow = {
    tenant_id: tenant,
    id: generateId(),
    token_hash: request.tokenHash,
    agent: request.agent,
    delegate: request.delegate,
    agent_jkt: request.agentJkt,
    resource: request.resource,
    scope: request.scope,
    redirect_uri: request.redirectUri,
    state: null,
    display: JSON.stringify(request.display),
    status: 'open',
    revision: 0,
    browser_hash: null,
    user_id: null,
    prompt: request.prompt ?? null,
    extensions: 0,
    created_at: now,
    expires_at: now + request.lifetime,
    decided_at: null,
  }
  await db.insertInto('auth_request').values(row).execute()
  await writeEvent(unit, {
    event: 'request.created',
    agent: row.agent,
    resource: row.resource,
    requestId: row.id,
    data: { delegate: row.delegate, scope: row.scope, jkt: row.agent_jkt },
  })
  return toAuthRequest({ ...row, code_alive: false }, now)
}

async function countOpen({ db, tenant, now }: Unit, request: NewAuthRequest): Promise<number> {
  const { open } = await db
    .selectFrom('auth_request')
    .select((e) => e.fn.countAll().as('open'))
    .where('tenant_id', '=', tenant)
    .where('agent', '=', request.agent)
    .where('resource', '=', request.resource)
    .where('delegate', 'is not distinct from', request.delegate)
    .where('status', '=', sql.lit('open')) // a literal, so that the partial index applies
    .where('expires_at', '>', now)
    .executeTakeFirstOrThrow()
  return Number(open)
}

export async function findAuthRequest(unit: Unit, tokenHash: string): Promise<AuthRequest | undefined> {
  const row = await requests(unit).where('r.token_hash', '=', tokenHash).executeTakeFirst()
  return row && toAuthRequest(row, unit.now)
}

export async function rememberState({ db, tenant, now }: Unit, tokenHash: string, state: string): Promise<void> {
  await db
    .updateTable('auth_request')
    .set({ state })
    .where('tenant_id', '=', tenant)
    .where('token_hash', '=', tokenHash)
    .where('status', '=', 'open')
    .where('expires_at', '>', now)
    .where('browser_hash', 'is', null)
    .execute()
}

export async function bindRequest(unit: Unit, binding: RequestBinding): Promise<BindOutcome> {
  const { db, tenant, now } = unit
  const before = await findAuthRequest(unit, binding.tokenHash)
  if (!before) return { outcome: 'refused', reason: 'unknown' }
  const bound = await db
    .updateTable('auth_request')
    .set((e) => ({
      browser_hash: binding.browserHash,
      user_id: binding.userId,
      revision: e
        .case()
        .when(e.and([e('user_id', 'is not', null), e('user_id', '!=', binding.userId)]))
        .then(e('revision', '+', 1))
        .else(e.ref('revision'))
        .end(),
      state: e
        .case()
        .when('browser_hash', 'is', null)
        .then(e.fn.coalesce(e.val(binding.state), 'state'))
        .else(e.ref('state'))
        .end(),
    }))
    .where('tenant_id', '=', tenant)
    .where('token_hash', '=', binding.tokenHash)
    .where('status', '=', 'open')
    .where('expires_at', '>', now)
    .where((e) => e.or([e('browser_hash', 'is', null), e('browser_hash', '=', binding.browserHash)]))
    .returningAll()
    .executeTakeFirst()
  if (!bound) return refuseBinding(unit, binding)
  const request = toAuthRequest({ ...bound, code_alive: false }, now)
  if (before.userId !== binding.userId) {
    await writeEvent(unit, {
      event: 'request.bound',
      userId: binding.userId,
      agent: request.agent,
      resource: request.resource,
      requestId: request.id,
    })
  }
  return { outcome: 'bound', request }
}

async function refuseBinding(unit: Unit, binding: RequestBinding): Promise<BindOutcome> {
  const request = await findAuthRequest(unit, binding.tokenHash)
  if (!request) return { outcome: 'refused', reason: 'unknown' }
  if (request.status === 'open') return { outcome: 'refused', reason: 'other_browser' }
  return { outcome: 'refused', reason: 'not_open', request }
}

export async function extendRequest(unit: Unit, extension: RequestExtension): Promise<ExtendOutcome> {
  const { db, tenant } = unit
  const request = await findAuthRequest(unit, extension.tokenHash)
  if (!request) return { outcome: 'refused', reason: 'unknown' }
  const reason = extensionRefusal(request, extension)
  if (reason) return { outcome: 'refused', reason }
  const extended = await db
    .updateTable('auth_request')
    .set((e) => ({
      expires_at: e('expires_at', '+', extension.seconds),
      extensions: e('extensions', '+', 1),
    }))
    .where('tenant_id', '=', tenant)
    .where('id', '=', request.id)
    .where('status', '=', 'open')
    .where('extensions', '<', extension.maxExtensions)
    .returning(['expires_at', 'extensions'])
    .executeTakeFirst()
  if (!extended) return { outcome: 'refused', reason: 'not_open' }
  const { expires_at: expiresAt, extensions } = extended
  await writeEvent(unit, {
    event: 'request.extended',
    userId: extension.userId,
    agent: request.agent,
    resource: request.resource,
    requestId: request.id,
    data: { expiresAt, extensions },
  })
  return { outcome: 'extended', expiresAt, extensions }
}

/** Requests with whether their codes are alive, to be narrowed. */
export function requests({ db, tenant, now }: Unit) {
  return db
    .selectFrom('auth_request as r')
    .selectAll('r')
    .select((e) =>
      e
        .exists(
          e
            .selectFrom('code as c')
            .innerJoin('consent_grant as g', (join) =>
              join.onRef('g.tenant_id', '=', 'c.tenant_id').onRef('g.id', '=', 'c.grant_id'),
            )
            .select('c.code_hash')
            .whereRef('c.tenant_id', '=', 'r.tenant_id')
            .whereRef('c.request_id', '=', 'r.id')
            .where('c.consumed_at', 'is', null)
            .where('c.expires_at', '>', now)
            .where('g.revoked_at', 'is', null)
            .where((g) => g.or([g('g.expires_at', 'is', null), g('g.expires_at', '>', now)])),
        )
        .as('code_alive'),
    )
    .where('r.tenant_id', '=', tenant)
}

export function toAuthRequest(row: AuthRequestRow & { code_alive: unknown }, now: number): AuthRequest {
  return {
    id: row.id,
    agent: row.agent,
    delegate: row.delegate,
    agentJkt: row.agent_jkt,
    resource: row.resource,
    scope: row.scope,
    redirectUri: row.redirect_uri,
    state: row.state,
    display: JSON.parse(row.display),
    status: requestStatus(row.status, row.expires_at, now),
    revision: row.revision,
    browserHash: row.browser_hash,
    userId: row.user_id,
    prompt: row.prompt,
    extensions: row.extensions,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    decidedAt: row.decided_at,
    codeAlive: Boolean(row.code_alive),
  }
}
