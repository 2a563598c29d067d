import { writeEvent } from '../audit/audit.js'
import { generateId } from '../engines/generate-id.js'
import type { GrantRow } from '../engines/tables.js'
import type { Unit } from '../engines/unit.js'
import type { AuthRequest, RequestDecision } from '../requests/request-storage.js'
import { toGrant } from './grant-lists.js'
import type { Grant, GrantRevocation, GrantsRevocation } from './grant-storage.js'
import { mayUnite } from './may-unite.js'
import { grantedScope, uniteScopes } from './scope-set.js'

/** The grant of a decision, and what of it this request was given. */
export async function createGrant(
  unit: Unit,
  request: AuthRequest,
  decision: RequestDecision,
): Promise<{ grant: Grant; scope: string }> {
  const { db, tenant, now } = unit
  const scope = grantedScope(request.scope, decision.scope)
  if (scope === undefined) throw new TypeError('more is granted than was asked')
  const row: GrantRow = {
    tenant_id: tenant,
    id: generateId(),
    user_id: decision.userId,
    agent: request.agent,
    delegate: request.delegate,
    resource: request.resource,
    scope,
    remembered: decision.remembered ? 1 : 0,
    created_at: now,
    expires_at: decision.grantLifetime === null ? null : now + decision.grantLifetime,
    last_used_at: null,
    revoked_at: null,
    revoked_by: null,
    display: JSON.stringify(request.display),
  }
  const before = decision.remembered ? await findRemembered(unit, row) : undefined
  const united = before !== undefined && mayUnite(toGrant(before), toGrant(row), now)
  if (before) await (united ? revokeRow(unit, before, 'replaced') : forgetRow(unit, before))
  if (united) row.scope = uniteScopes(before.scope, row.scope)
  await db.insertInto('consent_grant').values(row).execute()
  if (united) {
    await moveRefreshTokens(unit, before.id, row.id)
    await recordRevocation(unit, before, 'replaced', row.id)
  }
  return { grant: toGrant(row), scope }
}

/** There is at most one, by a unique index. */
async function findRemembered({ db, tenant }: Unit, successor: GrantRow): Promise<GrantRow | undefined> {
  return db
    .selectFrom('consent_grant')
    .selectAll()
    .where('tenant_id', '=', tenant)
    .where('user_id', '=', successor.user_id)
    .where('agent', '=', successor.agent)
    .where('resource', '=', successor.resource)
    .where('delegate', 'is not distinct from', successor.delegate)
    .where('remembered', '=', 1)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
}

async function revokeRow({ db, tenant, now }: Unit, { id }: GrantRow, by: string): Promise<void> {
  await db
    .updateTable('consent_grant')
    .set({ revoked_at: now, revoked_by: by })
    .where('tenant_id', '=', tenant)
    .where('id', '=', id)
    .execute()
}

/** It runs to its own end, with its refresh tokens, but answers no request any more. */
async function forgetRow({ db, tenant }: Unit, { id }: GrantRow): Promise<void> {
  await db
    .updateTable('consent_grant')
    .set({ remembered: 0 })
    .where('tenant_id', '=', tenant)
    .where('id', '=', id)
    .execute()
}

async function moveRefreshTokens({ db, tenant }: Unit, from: string, to: string): Promise<void> {
  await db
    .updateTable('refresh_token')
    .set({ grant_id: to })
    .where('tenant_id', '=', tenant)
    .where('grant_id', '=', from)
    .execute()
}

export async function revokeGrant(unit: Unit, revocation: GrantRevocation): Promise<boolean> {
  const { db, tenant, now } = unit
  let update = db
    .updateTable('consent_grant')
    .set({ revoked_at: now, revoked_by: revocation.by })
    .where('tenant_id', '=', tenant)
    .where('id', '=', revocation.grantId)
    .where('revoked_at', 'is', null)
  if (revocation.userId !== undefined) update = update.where('user_id', '=', revocation.userId)
  const revoked = await update.returningAll().executeTakeFirst()
  if (!revoked) return false
  await recordRevocation(unit, revoked, revocation.by)
  return true
}

export async function revokeGrants(unit: Unit, { userId, agent, resource, by }: GrantsRevocation): Promise<number> {
  const { db, tenant, now } = unit
  if (userId === undefined && agent === undefined && resource === undefined) {
    throw new TypeError('say whose grants to revoke')
  }
  let update = db
    .updateTable('consent_grant')
    .set({ revoked_at: now, revoked_by: by })
    .where('tenant_id', '=', tenant)
    .where('revoked_at', 'is', null)
    .where((e) => e.or([e('expires_at', 'is', null), e('expires_at', '>', now)]))
  if (userId !== undefined) update = update.where('user_id', '=', userId)
  if (agent !== undefined) update = update.where('agent', '=', agent)
  if (resource !== undefined) update = update.where('resource', '=', resource)
  const revoked = await update.returningAll().execute()
  for (const row of revoked) await recordRevocation(unit, row, by)
  return revoked.length
}

/** Revokes what hangs on a grant, and says so. */
async function recordRevocation(unit: Unit, row: GrantRow, by: string, successor?: string): Promise<void> {
  const { db, tenant, now } = unit
  await db
    .updateTable('refresh_token')
    .set({ revoked_at: now })
    .where('tenant_id', '=', tenant)
    .where('grant_id', '=', row.id)
    .where('revoked_at', 'is', null)
    .execute()
  await writeEvent(unit, {
    event: 'grant.revoked',
    userId: row.user_id,
    agent: row.agent,
    resource: row.resource,
    grantId: row.id,
    data: { by, ...(successor !== undefined && { successor }) },
  })
}

export async function markUsed({ db, tenant, now }: Unit, grantId: string): Promise<void> {
  await db
    .updateTable('consent_grant')
    .set({ last_used_at: now })
    .where('tenant_id', '=', tenant)
    .where('id', '=', grantId)
    .execute()
}

export async function hasAllowedBefore({ db, tenant }: Unit, userId: string, agent: string): Promise<boolean> {
  const row = await db
    .selectFrom('consent_grant')
    .select('id')
    .where('tenant_id', '=', tenant)
    .where('user_id', '=', userId)
    .where('agent', '=', agent)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

export async function hasBeenAllowed({ db, tenant }: Unit, agent: string): Promise<boolean> {
  const row = await db
    .selectFrom('consent_grant')
    .select('id')
    .where('tenant_id', '=', tenant)
    .where('agent', '=', agent)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}
