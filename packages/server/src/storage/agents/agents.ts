import { sql } from 'kysely'
import { writeEvent } from '../audit/audit.js'
import { contains } from '../engines/contains.js'
import type { AgentRow } from '../engines/tables.js'
import type { Unit } from '../engines/unit.js'
import { StorageError } from '../storage-error.js'
import type { AgentFilter, AgentSighting, AgentTraits, ListedAgent, SeenAgent } from './agent-storage.js'
import { changedTraits } from './changed-traits.js'

/** Makes or marks the agent's row; where rows are locked, this lock makes what follows in the unit one step. */
export async function markSeen({ db, tenant, now }: Unit, agent: string): Promise<void> {
  await db
    .insertInto('agent')
    .values({
      tenant_id: tenant,
      identifier: agent,
      first_seen_at: now,
      last_seen_at: now,
      name: null,
      redirect_hosts: null,
      key_thumbprints: null,
      blocked_at: null,
      blocked_by: null,
    })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'identifier']).doUpdateSet({ last_seen_at: now }))
    .execute()
}

export async function requireUnblocked(unit: Unit, agent: string): Promise<void> {
  if (await isAgentBlocked(unit, agent)) throw new StorageError('agent_blocked', 'the agent is blocked')
}

export async function recordAgent(unit: Unit, sighting: AgentSighting): Promise<SeenAgent> {
  const { db, tenant, now } = unit
  const { agent } = sighting
  const before = await findRow(unit, agent)
  await markSeen(unit, agent)
  const known = before && knownTraits(before)
  const shown: AgentTraits = {
    name: sighting.name ?? null,
    redirectHosts: [...sighting.redirectHosts],
    keyThumbprints: [...sighting.keyThumbprints],
  }
  const changes = known && changedTraits(known, shown)
  if (!known || changes) {
    await db
      .updateTable('agent')
      .set({
        name: shown.name,
        redirect_hosts: JSON.stringify(shown.redirectHosts),
        key_thumbprints: JSON.stringify(shown.keyThumbprints),
      })
      .where('tenant_id', '=', tenant)
      .where('identifier', '=', agent)
      .execute()
  }
  if (changes) await writeEvent(unit, { event: 'agent.changed', agent, data: changes })
  return { firstSeenAt: before?.first_seen_at ?? now, lastSeenAt: before?.last_seen_at ?? now, known }
}

function findRow({ db, tenant }: Unit, agent: string): Promise<AgentRow | undefined> {
  return db
    .selectFrom('agent')
    .selectAll()
    .where('tenant_id', '=', tenant)
    .where('identifier', '=', agent)
    .executeTakeFirst()
}

function knownTraits({ name, redirect_hosts, key_thumbprints }: AgentRow): AgentTraits | undefined {
  if (redirect_hosts === null) return undefined
  return { name, redirectHosts: JSON.parse(redirect_hosts), keyThumbprints: JSON.parse(key_thumbprints ?? '[]') }
}

export async function findAgent(unit: Unit, agent: string): Promise<ListedAgent | undefined> {
  const row = await findRow(unit, agent)
  return row && toListedAgent(row)
}

export async function listAgents({ db, tenant }: Unit, filter: AgentFilter = {}): Promise<ListedAgent[]> {
  const { query, blocked, after, limit = 100 } = filter
  let found = db.selectFrom('agent').selectAll().where('tenant_id', '=', tenant)
  if (query !== undefined) found = found.where((e) => contains(e.ref('identifier'), query.toLowerCase()))
  if (blocked !== undefined) found = found.where('blocked_at', blocked ? 'is not' : 'is', null)
  if (after !== undefined) found = found.where('identifier', '>', after)
  const rows = await found.orderBy('identifier').limit(limit).execute()
  return rows.map(toListedAgent)
}

function toListedAgent(row: AgentRow): ListedAgent {
  return {
    agent: row.identifier,
    ...(knownTraits(row) ?? { name: null, redirectHosts: [], keyThumbprints: [] }),
    firstSeenAt: row.first_seen_at,
    lastSeenAt: row.last_seen_at,
    blockedAt: row.blocked_at,
    blockedBy: row.blocked_by,
  }
}

export async function setAgentBlocked(
  unit: Unit,
  { agent, blocked, by }: { agent: string; blocked: boolean; by: string },
): Promise<boolean> {
  const { db, tenant, now } = unit
  if (!(await findRow(unit, agent))) {
    if (!blocked) return false
    await markSeen(unit, agent)
  }
  const changed = await db
    .updateTable('agent')
    .set(blocked ? { blocked_at: now, blocked_by: by } : { blocked_at: null, blocked_by: null })
    .where('tenant_id', '=', tenant)
    .where('identifier', '=', agent)
    .where('blocked_at', blocked ? 'is' : 'is not', null)
    .returning('identifier')
    .executeTakeFirst()
  if (!changed) return false
  const abandoned = blocked ? await closeRequests(unit, agent) : 0
  await writeEvent(unit, { event: blocked ? 'agent.blocked' : 'agent.unblocked', agent, data: { by, abandoned } })
  return true
}

export async function isAgentBlocked({ db, tenant }: Unit, agent: string): Promise<boolean> {
  const row = await db
    .selectFrom('agent')
    .select('identifier')
    .where('tenant_id', '=', tenant)
    .where('identifier', '=', agent)
    .where('blocked_at', 'is not', null)
    .executeTakeFirst()
  return row !== undefined
}

export async function abandonRequests(unit: Unit, { agent, by }: { agent: string; by: string }): Promise<number> {
  const count = await closeRequests(unit, agent)
  if (count > 0) await writeEvent(unit, { event: 'requests.abandoned', agent, data: { by, count } })
  return count
}

async function closeRequests({ db, tenant, now }: Unit, agent: string): Promise<number> {
  const { numUpdatedRows } = await db
    .updateTable('auth_request')
    .set({ status: 'abandoned' })
    .where('tenant_id', '=', tenant)
    .where('agent', '=', agent)
    .where('status', '=', sql.lit('open'))
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return Number(numUpdatedRows)
}
