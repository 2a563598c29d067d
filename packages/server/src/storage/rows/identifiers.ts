import type { Statement, Unit } from '../sql/engine.js'
import { notReferenced } from '../sql/kept-query.js'

/** The row of an agent, to be compared with; none where nothing names it. */
export function agentIdOf({ db }: Statement, identifier: string) {
  return db.selectFrom('agent').select('id').where('identifier', '=', identifier)
}

/** The row of a resource, to be compared with; none where nothing names it. */
export function resourceIdOf({ db }: Statement, identifier: string) {
  return db.selectFrom('resource').select('id').where('identifier', '=', identifier)
}

/** The row by which other rows name an agent; seen or not. */
export async function internAgent(unit: Unit, identifier: string): Promise<number> {
  const known = await unit.locking(agentIdOf(unit, identifier), { agent: 'shared' }).executeTakeFirst()
  if (known) return known.id
  const { id } = await unit.db
    .insertInto('agent')
    .values({ identifier })
    .onConflict((conflict) => conflict.column('identifier').doUpdateSet({ identifier }))
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

/** The row by which other rows name a resource. */
export async function internResource(unit: Unit, identifier: string): Promise<number> {
  const known = await unit.locking(resourceIdOf(unit, identifier), { resource: 'shared' }).executeTakeFirst()
  if (known) return known.id
  const { id } = await unit.db
    .insertInto('resource')
    .values({ identifier })
    .onConflict((conflict) => conflict.column('identifier').doUpdateSet({ identifier }))
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

/** Deletes those of these agents that were forgotten, or never seen, and that no row names any more. */
export async function dropAgents(unit: Unit, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return
  const unseen = unit.db.selectFrom('agent').select('id').where('id', 'in', ids).where('first_seen_at', 'is', null)
  await unit.lockRows('whole', unseen)
  await unit.db
    .deleteFrom('agent')
    .where('id', 'in', ids)
    .where('first_seen_at', 'is', null)
    .where(notReferenced('agent', 'agent_id', ['auth_request', 'consent_grant', 'token_issue', 'audit_event']))
    .execute()
}

/** Deletes those of these resources that no row names any more. */
export async function dropResources(unit: Unit, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return
  await unit.lockRows('whole', unit.db.selectFrom('resource').select('id').where('id', 'in', ids))
  await unit.db
    .deleteFrom('resource')
    .where('id', 'in', ids)
    .where(notReferenced('resource', 'resource_id', ['auth_request', 'consent_grant', 'token_issue', 'audit_event']))
    .execute()
}
