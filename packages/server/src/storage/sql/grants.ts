import { generateId } from '../generate-id.js'
import type { AuthRequest, Grant, GrantRevocation, RequestDecision } from '../storage.js'
import { writeEvent } from './audit.js'
import type { GrantRow } from './tables.js'
import type { Unit } from './unit.js'

export async function createGrant(unit: Unit, request: AuthRequest, decision: RequestDecision): Promise<Grant> {
  const { db, tenant, now } = unit
  const row: GrantRow = {
    tenant_id: tenant,
    id: generateId(),
    user_id: decision.userId,
    agent: request.agent,
    delegate: request.delegate,
    resource: request.resource,
    scope: request.scope,
    remembered: decision.remembered ? 1 : 0,
    created_at: now,
    expires_at: decision.grantLifetime === null ? null : now + decision.grantLifetime,
    last_used_at: null,
    revoked_at: null,
    revoked_by: null,
  }
  if (decision.remembered) await replaceRemembered(unit, row)
  await db.insertInto('consent_grant').values(row).execute()
  return toGrant(row)
}

async function replaceRemembered(unit: Unit, successor: GrantRow): Promise<void> {
  const { db, tenant, now } = unit
  const by = `grant:${successor.id}`
  const replaced = await db
    .updateTable('consent_grant')
    .set({ revoked_at: now, revoked_by: by })
    .where('tenant_id', '=', tenant)
    .where('user_id', '=', successor.user_id)
    .where('agent', '=', successor.agent)
    .where('resource', '=', successor.resource)
    .where('delegate', 'is not distinct from', successor.delegate)
    .where('remembered', '=', 1)
    .where('revoked_at', 'is', null)
    .returningAll()
    .execute()
  for (const row of replaced) await writeRevocation(unit, row, by)
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
  await writeRevocation(unit, revoked, revocation.by)
  return true
}

async function writeRevocation(unit: Unit, row: GrantRow, by: string): Promise<void> {
  await writeEvent(unit, {
    event: 'grant.revoked',
    userId: row.user_id,
    agent: row.agent,
    resource: row.resource,
    grantId: row.id,
    data: { by },
  })
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
    revokedAt: row.revoked_at,
  }
}
