import { sql } from 'kysely'
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
  const rows = await db
    .selectFrom('consent_grant as g')
    .select(['g.id', 'g.revoked_at'])
    .where('g.tenant_id', '=', tenant)
    .where('g.revoked_at', '>=', since)
    .where((e) =>
      e.or([
        e('g.revoked_by', '<>', 'replaced'),
        e.exists(
          e
            .selectFrom('consent_grant as successor')
            .select('successor.id')
            .where('successor.tenant_id', '=', tenant)
            .whereRef('successor.revoked_at', '>=', 'g.revoked_at')
            .where('successor.revoked_by', '<>', 'replaced')
            .whereRef('successor.user_id', '=', 'g.user_id')
            .whereRef('successor.agent', '=', 'g.agent')
            .whereRef('successor.resource', '=', 'g.resource')
            .where(sql<boolean>`successor.delegate is not distinct from g.delegate`),
        ),
      ]),
    )
    .orderBy('g.revoked_at', 'desc')
    .limit(limit)
    .execute()
  return rows.map(({ id, revoked_at: at }) => ({ kind: 'grant', value: id, at: at ?? 0 }))
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
