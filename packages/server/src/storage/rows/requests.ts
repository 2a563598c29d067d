import { type SqlBool, sql } from 'kysely'
import type { AuthRequest, AuthRequestStatus, InSession, RequestBinding } from '../api/request-storage.js'
import type { Parts, Statement, Unit } from '../sql/engine.js'
import { cachedQuery, hashBytes, hashText, idText, type Placeholders } from '../sql/kept-query.js'
import type { AuditEntry } from './audit.js'

const request = cachedQuery((parts, { tokenHash }: Placeholders<{ tokenHash: Uint8Array }>) =>
  requests(parts).where('r.token_hash', '=', tokenHash),
)

const lockedRequest = cachedQuery((parts, { tokenHash }: Placeholders<{ tokenHash: Uint8Array }>) =>
  parts.locking(requests(parts).where('r.token_hash', '=', tokenHash), { r: 'alone' }),
)

/** Locks a request until the end of the transaction. */
export async function lockRequest(unit: Unit, tokenHash: string): Promise<FoundRequest | undefined> {
  const wanted = { tokenHash: hashBytes(tokenHash) }
  const [row] = await lockedRequest(unit, wanted)
  if (!row) return undefined
  // If this statement waited for a concurrent decision or binding, the row lacks its code or user, and is read again.
  const isWhole = row.status === 'open' && (row.user_id === null) === (row.bound_user === null)
  return isWhole ? row : (await request(unit, wanted))[0]
}

/** Like {@link requestsWithoutCodes}, but also with whether their codes can still be redeemed. */
export function requests(parts: Parts) {
  const { clock } = parts
  const codeRedeemable = sql<SqlBool>`exists (
    select 1 from code as c join consent_grant as g on g.id = c.grant_id
    where c.request_id = r.id and c.consumed_at is null and c.expires_at > ${clock}
      and g.revoked_at is null and (g.expires_at is null or g.expires_at > ${clock}))`
  return requestsWithoutCodes(parts).select(codeRedeemable.as('code_alive'))
}

/**
 * Requests with everything that they reference, and their current status. The caller narrows the query. Users are not joined, because
 * PostgreSQL takes twice as long to plan a query with two more joins.
 */
export function requestsWithoutCodes({ db, clock }: Parts) {
  return db
    .selectFrom('auth_request as r')
    .innerJoin('agent as a', 'a.id', 'r.agent_id')
    .innerJoin('resource as s', 's.id', 'r.resource_id')
    .innerJoin('display as d', 'd.id', 'r.display_id')
    .select(['r.id', 'r.public_id', 'r.edition', 'r.agent_id', 'r.resource_id', 'r.display_id', 'r.user_id'])
    .select(['r.delegate', 'r.agent_jkt', 'r.scope', 'r.redirect_uri', 'r.state', 'r.status', 'r.revision'])
    .select(['r.browser_hash', 'r.prompt', 'r.extensions', 'r.binds_agent', 'r.created_at', 'r.expires_at'])
    .select(['r.decided_at', 'r.details', 'r.wrong_links', 'r.answered_at'])
    .select(['a.identifier as agent', 'a.blocked_at', 's.identifier as resource', 'd.display'])
    .select((e) => [
      e.selectFrom('app_user').select('public_id').whereRef('id', '=', 'r.user_id').as('bound_user'),
      e.selectFrom('app_user').select('public_id').whereRef('id', '=', 'r.required_user_id').as('required_user'),
    ])
    .select(sql<SqlBool>`r.status = 'open' and r.expires_at <= ${clock}`.as('has_expired'))
}

export type FoundRequest = Awaited<ReturnType<ReturnType<typeof requests>['executeTakeFirstOrThrow']>>

type Unused = 'id' | 'agent_id' | 'resource_id' | 'display_id' | 'user_id'

export function toAuthRequest(row: Omit<FoundRequest, Unused>): AuthRequest {
  const status: AuthRequestStatus = row.has_expired ? 'expired' : row.status
  return {
    id: idText(row.public_id),
    edition: row.edition,
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
    userId: row.bound_user && idText(row.bound_user),
    prompt: row.prompt,
    extensions: row.extensions,
    bindsAgent: row.binds_agent === 1,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    decidedAt: row.decided_at,
    codeRedeemable: Boolean(row.code_alive),
    details: row.details && JSON.parse(row.details),
    requiredUserId: row.required_user && idText(row.required_user),
    wrongLinks: row.wrong_links,
    answeredAt: row.answered_at,
  }
}

/** Returns the parties that a request's event is about. */
export function requestParties(
  row: Pick<FoundRequest, 'user_id' | 'agent_id' | 'resource_id' | 'public_id'>,
): Pick<AuditEntry, 'userId' | 'agentId' | 'resourceId' | 'request'> {
  return { userId: row.user_id, agentId: row.agent_id, resourceId: row.resource_id, request: row.public_id }
}

/** Returns the delegate for an event's data; undefined if the agent acts for itself. */
export function auditDelegate({ delegate }: { delegate: string | null }): { delegate: string | undefined } {
  return { delegate: delegate ?? undefined }
}

export async function findAuthRequest(statement: Statement, tokenHash: string): Promise<AuthRequest | undefined> {
  const [row] = await request(statement, { tokenHash: hashBytes(tokenHash) })
  return row && toAuthRequest(row)
}

/** Returns why a request may not be bound to a browser; undefined if it may be, or already is. */
export function bindingRefusal(
  request: AuthRequest,
  { browserHash, userId }: Pick<RequestBinding, 'browserHash' | 'userId'>,
): 'expired' | 'not_open' | 'other_browser' | 'other_user' | undefined {
  if (request.status === 'expired') return 'expired'
  if (request.status !== 'open') return 'not_open'
  if (request.browserHash !== null && request.browserHash !== browserHash) return 'other_browser'
  return request.requiredUserId === null || request.requiredUserId === userId ? undefined : 'other_user'
}

/** Returns why a browser and its user may not act on a request that must be bound to them; undefined if they may act on it. */
export function boundRefusal(
  request: AuthRequest,
  by: Pick<InSession, 'browserHash' | 'userId'>,
): ReturnType<typeof bindingRefusal> {
  const refusal = bindingRefusal(request, by)
  if (refusal) return refusal
  if (request.browserHash !== by.browserHash) return 'other_browser'
  return request.userId === by.userId ? undefined : 'other_user'
}
