import { endedWithSuccessor } from '../ended-with-successor.js'
import type { Revocation, RevocationFilter } from '../grant-storage.js'
import type { Unit } from './unit.js'

export async function listRevocations(unit: Unit, filter: RevocationFilter): Promise<Revocation[]> {
  const found = await Promise.all([grants(unit, filter), blockedAgents(unit, filter), disabledPeople(unit, filter)])
  return found
    .flat()
    .sort((a, b) => b.at - a.at)
    .slice(0, filter.limit)
}

async function grants({ db, tenant }: Unit, { since, limit }: RevocationFilter): Promise<Revocation[]> {
  const ended = db
    .selectFrom('consent_grant')
    .select(['id', 'user_id as userId', 'agent', 'delegate', 'resource', 'revoked_at as revokedAt'])
    .where('tenant_id', '=', tenant)
    .where('revoked_at', '>=', since)
    .orderBy('revoked_at', 'desc')
  const revoked = await ended.where('revoked_by', '<>', 'replaced').limit(limit).execute()
  // Of no use where the list is full already, or nothing was taken back that they could have ended with.
  const needed = revoked.length > 0 && revoked.length < limit
  const replaced = needed ? await ended.where('revoked_by', '=', 'replaced').execute() : []
  return [...revoked, ...endedWithSuccessor(replaced, revoked)].map(({ id, revokedAt }) => ({
    kind: 'grant',
    value: id,
    at: revokedAt ?? 0,
  }))
}

// The audit knows when, by an index; the row of the agent or person, whether it still is so.
async function blockedAgents({ db, tenant }: Unit, { since, limit }: RevocationFilter): Promise<Revocation[]> {
  const rows = await db
    .selectFrom('audit_event as v')
    .innerJoin('agent as a', (join) =>
      join.onRef('a.tenant_id', '=', 'v.tenant_id').onRef('a.identifier', '=', 'v.agent'),
    )
    .select((e) => ['a.identifier', e.fn.max('v.at').as('at')])
    .where('v.tenant_id', '=', tenant)
    .where('v.event', '=', 'agent.blocked')
    .where('v.at', '>=', since)
    .where('a.blocked_at', 'is not', null)
    .groupBy('a.identifier')
    .orderBy('at', 'desc')
    .limit(limit)
    .execute()
  return rows.map(({ identifier, at }) => ({ kind: 'agent', value: identifier, at }))
}

async function disabledPeople({ db, tenant }: Unit, { since, limit }: RevocationFilter): Promise<Revocation[]> {
  const rows = await db
    .selectFrom('audit_event as v')
    .innerJoin('app_user as u', (join) => join.onRef('u.tenant_id', '=', 'v.tenant_id').onRef('u.id', '=', 'v.user_id'))
    .innerJoin('subject as s', (join) => join.onRef('s.tenant_id', '=', 'u.tenant_id').onRef('s.user_id', '=', 'u.id'))
    .select((e) => ['s.sub', e.fn.max('v.at').as('at')])
    .where('v.tenant_id', '=', tenant)
    .where('v.event', '=', 'user.disabled')
    .where('v.at', '>=', since)
    .where('u.status', '=', 'disabled')
    .where('u.closed_at', 'is', null)
    .groupBy('s.sub')
    .orderBy('at', 'desc')
    .limit(limit)
    .execute()
  return rows.map(({ sub, at }) => ({ kind: 'sub', value: sub, at }))
}
