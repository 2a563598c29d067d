import { foldUsername } from '../accounts/fold-username.js'
import { contains } from '../engines/contains.js'
import type { GrantRow } from '../engines/tables.js'
import type { Unit } from '../engines/unit.js'
import type { RequestDisplay } from '../requests/request-storage.js'
import type { Grant, GrantFilter, GrantParties, GrantUsage, GrantUsageFilter, ListedGrant } from './grant-storage.js'

export async function findGrant(unit: Unit, grantId: string): Promise<ListedGrant | undefined> {
  const row = await grants(unit).where('g.id', '=', grantId).executeTakeFirst()
  return row && toListedGrant(row)
}

export function findRow({ db, tenant }: Unit, grantId: string): Promise<GrantRow | undefined> {
  return db
    .selectFrom('consent_grant')
    .selectAll()
    .where('tenant_id', '=', tenant)
    .where('id', '=', grantId)
    .executeTakeFirst()
}

export async function findRememberedGrant(
  { db, tenant, now }: Unit,
  parties: GrantParties,
): Promise<Grant | undefined> {
  const row = await db
    .selectFrom('consent_grant')
    .selectAll()
    .where('tenant_id', '=', tenant)
    .where('user_id', '=', parties.userId)
    .where('agent', '=', parties.agent)
    .where('resource', '=', parties.resource)
    .where('delegate', 'is not distinct from', parties.delegate)
    .where('remembered', '=', 1)
    .where('revoked_at', 'is', null)
    .where((e) => e.or([e('expires_at', 'is', null), e('expires_at', '>', now)]))
    .executeTakeFirst()
  return row && toGrant(row)
}

export async function listGrants(unit: Unit, filter: GrantFilter = {}): Promise<ListedGrant[]> {
  const { now } = unit
  const { userId, agent, resource, live, query, after, limit = 100 } = filter
  let found = grants(unit)
  if (userId !== undefined) found = found.where('g.user_id', '=', userId)
  if (agent !== undefined) found = found.where('g.agent', '=', agent)
  if (resource !== undefined) found = found.where('g.resource', '=', resource)
  if (live === true) {
    found = found
      .where('g.revoked_at', 'is', null)
      .where((e) => e.or([e('g.expires_at', 'is', null), e('g.expires_at', '>', now)]))
  }
  if (live === false)
    found = found.where((e) => e.or([e('g.revoked_at', 'is not', null), e('g.expires_at', '<=', now)]))
  if (query !== undefined) {
    const part = foldUsername(query)
    found = found.where((e) =>
      e.or([
        contains(e.ref('g.agent'), part),
        contains(e.ref('g.resource'), part),
        contains(e.ref('u.username_key'), part),
      ]),
    )
  }
  if (after !== undefined) found = found.where('g.id', '<', after)
  const rows = await found.orderBy('g.id', 'desc').limit(limit).execute()
  return rows.map(toListedGrant)
}

function grants({ db, tenant }: Unit) {
  return db
    .selectFrom('consent_grant as g')
    .innerJoin('app_user as u', (join) => join.onRef('u.tenant_id', '=', 'g.tenant_id').onRef('u.id', '=', 'g.user_id'))
    .selectAll('g')
    .select('u.username')
    .where('g.tenant_id', '=', tenant)
}

export async function listGrantUsage({ db, tenant }: Unit, filter: GrantUsageFilter): Promise<GrantUsage[]> {
  const { userId, grantId, limit = 100 } = filter
  let found = db
    .selectFrom('grant_usage_day as d')
    .innerJoin('consent_grant as g', (join) =>
      join.onRef('g.tenant_id', '=', 'd.tenant_id').onRef('g.id', '=', 'd.grant_id'),
    )
    .select(['d.grant_id', 'd.day', 'd.refreshes'])
    .where('d.tenant_id', '=', tenant)
    .where('g.user_id', '=', userId)
  if (grantId !== undefined) found = found.where('d.grant_id', '=', grantId)
  const rows = await found.orderBy('d.day', 'desc').orderBy('d.grant_id', 'desc').limit(limit).execute()
  return rows.map((row) => ({ grantId: row.grant_id, day: row.day, refreshes: row.refreshes }))
}

export function toGrant(row: GrantRow): Grant {
  return {
    id: row.id,
    userId: row.user_id,
    agent: row.agent,
    delegate: row.delegate,
    resource: row.resource,
    scope: row.scope,
    remembered: row.remembered === 1,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
    revokedAt: row.revoked_at,
    revokedBy: row.revoked_by,
    display: row.display === null ? { agent: {}, resource: {} } : (JSON.parse(row.display) as RequestDisplay),
  }
}

function toListedGrant(row: GrantRow & { username: string }): ListedGrant {
  return { ...toGrant(row), username: row.username }
}
