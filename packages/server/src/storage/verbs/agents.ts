import { sql } from 'kysely'
import type {
  AgentFilter,
  AgentSighting,
  AgentStanding,
  AgentTraits,
  ListedAgent,
  SeenAgent,
} from '../api/agent-storage.js'
import { StorageError } from '../api/storage-error.js'
import { writeEvent } from '../rows/audit.js'
import { agentIdOf, isOnHost } from '../rows/identifiers.js'
import type { Statement, Unit } from '../sql/engine.js'
import { cachedQuery, cachedQueryOfRows, contains, onlyOf, type Placeholders, padded } from '../sql/kept-query.js'
import { revokeIssuesOfAgent } from './deliveries.js'

/** Inserts the agent's row or marks it as seen, and locks it until the end of the transaction. Returns its other columns. */
export async function markSeen(unit: Unit, agent: string): Promise<MarkedAgent> {
  return onlyOf(await marking(unit, { agent }))
}

const marking = cachedQuery(({ db, clock }, { agent }: Placeholders<{ agent: string }>) =>
  db
    .insertInto('agent')
    .values({ identifier: agent, first_seen_at: clock, last_seen_at: clock })
    .onConflict((conflict) =>
      conflict
        .column('identifier')
        .doUpdateSet({ first_seen_at: sql`coalesce(agent.first_seen_at, ${clock})`, last_seen_at: clock }),
    )
    .returning(['id', 'name', 'redirect_hosts', 'key_thumbprints', 'blocked_at']),
)
type MarkedAgent = Pick<SeenRow, 'id' | 'name' | 'redirect_hosts' | 'key_thumbprints' | 'blocked_at'>

/**
 * Returns the identifiers of an agent's host, with its port and without it, if the agent's own has a path, as the `client_id` of an OAuth
 * client does; otherwise none. Anyone who controls a host can invent identifiers there, on any port, so a block of the host applies to all of
 * them.
 */
export function hostIdentifiersOf(agent: string): string[] {
  const origin = agent.split('/', 3).join('/')
  return origin === agent ? [] : [...new Set([origin, origin.replace(/:\d+$/, '')])]
}

/** The identifiers whose block also covers an agent, as two values for queries: its host with its port, and without it. */
export function blockersOf(agent: string): { host: string; anyPort: string } {
  const [host = agent, anyPort = host] = hostIdentifiersOf(agent)
  return { host, anyPort }
}

/** Returns when an agent's host was blocked; null if it is not. `blocked` is the result of {@link blockedHosts}. */
export function hostBlockedAt(blocked: ReadonlyMap<string, number>, agent: string): number | null {
  const times = hostIdentifiersOf(agent).flatMap((host) => blocked.get(host) ?? [])
  return times.length > 0 ? Math.min(...times) : null
}

/** Rejects with `agent_blocked` if the agent is blocked. Otherwise, the agent cannot be blocked before the end of this transaction. */
export async function requireUnblocked(unit: Unit, agent: string): Promise<void> {
  const row = await unit.locking(agentIdOf(unit, agent).select('blocked_at'), { agent: 'shared' }).executeTakeFirst()
  if (row && row.blocked_at !== null) throw agentBlocked()
  await requireHostUnblocked(unit, agent)
}

/** Rejects with `agent_blocked` if the agent's host is blocked. */
export async function requireHostUnblocked(statement: Statement, agent: string): Promise<void> {
  if (await isHostBlocked(statement, agent)) throw agentBlocked()
}

export async function isHostBlocked(statement: Statement, agent: string): Promise<boolean> {
  return (await blockedHosts(statement, [agent])).size > 0
}

const blockedAmong = cachedQueryOfRows(
  ({ db }, hosts: readonly Placeholders<{ host: string }>[]) =>
    db
      .selectFrom('agent')
      .select(['identifier', 'blocked_at'])
      .where(
        'identifier',
        'in',
        hosts.map(({ host }) => host),
      )
      .where('blocked_at', 'is not', null),
  // For the longest list of a page.
  1024,
)

/** Returns when the hosts of agents were blocked, by host. Runs no query for agents whose identifiers have no path. */
export async function blockedHosts(
  statement: Statement,
  agents: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const hosts = [...new Set(agents.flatMap(hostIdentifiersOf))]
  if (hosts.length === 0) return new Map()
  const rows = await blockedAmong(
    statement,
    padded(hosts).map((host) => ({ host })),
  )
  return new Map(rows.map(({ identifier, blocked_at }) => [identifier, Number(blocked_at)]))
}

export function agentBlocked(): StorageError {
  return new StorageError('agent_blocked', 'the agent is blocked')
}

/** Implements {@link AgentStorage.recordAgent}: returns what was previously known about the agent. */
export async function recordAgent(unit: Unit, sighting: AgentSighting): Promise<SeenAgent> {
  const { agent } = sighting
  await unit.exclusive(`agent ${agent}`)
  const before = await findRow(unit, agent)
  const known = await noteTraits(unit, await markSeen(unit, agent), sighting)
  return { firstSeenAt: before?.first_seen_at ?? unit.now, lastSeenAt: before?.last_seen_at ?? unit.now, known }
}

/**
 * Stores the current traits of an agent that was marked as seen, and returns its previously known traits. A change writes an audit event.
 */
export async function noteTraits(
  unit: Unit,
  marked: MarkedAgent,
  sighting: Omit<AgentSighting, 'agent'>,
): Promise<AgentTraits | undefined> {
  const known = knownTraits(marked)
  const shown: AgentTraits = {
    name: sighting.name ?? null,
    redirectHosts: [...sighting.redirectHosts],
    keyThumbprints: [...(sighting.keyThumbprints ?? known?.keyThumbprints ?? [])],
  }
  const changes = known && changedTraits(known, shown)
  if (!known || changes) {
    await unit.db
      .updateTable('agent')
      .set({
        name: shown.name,
        redirect_hosts: JSON.stringify(shown.redirectHosts),
        key_thumbprints: JSON.stringify(shown.keyThumbprints),
      })
      .where('id', '=', marked.id)
      .execute()
  }
  if (changes) await writeEvent(unit, { event: 'agent.changed', agentId: marked.id, data: changes })
  return known
}

/** Returns how an agent changed between two sightings, for the audit log; undefined if nothing changed. */
function changedTraits(before: AgentTraits, after: AgentTraits): Record<string, true> | undefined {
  const changes = {
    ...(before.name !== after.name && { name: true as const }),
    ...(differ(before.redirectHosts, after.redirectHosts) && { redirectHosts: true as const }),
    ...(differ(before.keyThumbprints, after.keyThumbprints) && { keyThumbprints: true as const }),
  }
  return Object.keys(changes).length === 0 ? undefined : changes
}

function differ(before: readonly string[], after: readonly string[]): boolean {
  const known = new Set(before)
  return new Set(after).size !== known.size || after.some((value) => !known.has(value))
}

/** Agents that have been seen. */
function seenAgents({ db }: Statement) {
  return db
    .selectFrom('agent')
    .select(['id', 'identifier', 'name', 'redirect_hosts', 'key_thumbprints', 'blocked_at', 'blocked_by'])
    .select(['first_seen_at', 'last_seen_at'])
    .$narrowType<{ first_seen_at: number; last_seen_at: number }>()
    .where('first_seen_at', 'is not', null)
}

type SeenRow = Awaited<ReturnType<ReturnType<typeof seenAgents>['executeTakeFirstOrThrow']>>

async function findRow(statement: Statement, agent: string): Promise<SeenRow | undefined> {
  return seenAgents(statement).where('identifier', '=', agent).executeTakeFirst()
}

function knownTraits({ name, redirect_hosts, key_thumbprints }: MarkedAgent): AgentTraits | undefined {
  if (redirect_hosts === null) return undefined
  return { name, redirectHosts: JSON.parse(redirect_hosts), keyThumbprints: JSON.parse(key_thumbprints ?? '[]') }
}

/** Implements {@link AgentStorage.findAgent}: undefined for an agent that has never been seen or has been forgotten. */
export async function findAgent(statement: Statement, agent: string): Promise<ListedAgent | undefined> {
  const row = await findRow(statement, agent)
  return row && (await listed(statement, [row]))[0]
}

/** Implements {@link AgentStorage.listAgents}: ordered by identifier, up to 100 unless the filter sets another limit. */
export async function listAgents(statement: Statement, filter: AgentFilter = {}): Promise<ListedAgent[]> {
  const { agents, query, blocked, after, limit = 100 } = filter
  if (agents?.length === 0) return []
  let found = seenAgents(statement)
  if (agents !== undefined) found = found.where('identifier', 'in', padded(agents))
  if (query !== undefined) found = found.where((e) => contains(e.ref('identifier'), query.toLowerCase()))
  if (blocked !== undefined) found = found.where('blocked_at', blocked ? 'is not' : 'is', null)
  if (after !== undefined) found = found.where('identifier', '>', after)
  const rows = await found.orderBy('identifier').limit(limit).execute()
  return listed(statement, rows)
}

async function listed(statement: Statement, rows: readonly SeenRow[]): Promise<ListedAgent[]> {
  const hosts = await blockedHosts(
    statement,
    rows.map(({ identifier }) => identifier),
  )
  return rows.map((row) => toListedAgent(row, hostBlockedAt(hosts, row.identifier)))
}

function toListedAgent(row: SeenRow, hostBlockedAt: number | null): ListedAgent {
  return {
    agent: row.identifier,
    ...(knownTraits(row) ?? { name: null, redirectHosts: [], keyThumbprints: [] }),
    firstSeenAt: row.first_seen_at,
    lastSeenAt: row.last_seen_at,
    blockedAt: row.blocked_at,
    blockedBy: row.blocked_by,
    hostBlockedAt,
  }
}

/** Implements {@link AgentStorage.setAgentBlocked}: returns true if the state changed. */
export async function setAgentBlocked(
  unit: Unit,
  { agent, blocked, by }: { agent: string; blocked: boolean; by: string },
): Promise<boolean> {
  const { db, now } = unit
  if (!(await findRow(unit, agent))) {
    if (!blocked) return false
    await markSeen(unit, agent)
  }
  const changed = await db
    .updateTable('agent')
    .set(
      blocked
        ? { blocked_at: now, blocked_by: by, notified_up_to: 0 }
        : { blocked_at: null, blocked_by: null, notified_up_to: null },
    )
    .where('identifier', '=', agent)
    .where('blocked_at', blocked ? 'is' : 'is not', null)
    .returning('id')
    .executeTakeFirst()
  if (!changed) return false
  const abandoned = blocked ? await closeRequests(unit, changed.id) : 0
  if (blocked) await revokeIssuesOfAgent(unit, changed.id)
  await writeEvent(unit, {
    event: blocked ? 'agent.blocked' : 'agent.unblocked',
    agentId: changed.id,
    data: { by, abandoned },
  })
  return true
}

const standing = cachedQuery(({ db }, { agent }: Placeholders<{ agent: string }>) =>
  db
    .selectFrom('agent as a')
    .select('a.blocked_at')
    .select((e) =>
      e.exists(e.selectFrom('consent_grant as g').select('g.id').whereRef('g.agent_id', '=', 'a.id')).as('allowed'),
    )
    .where('a.identifier', '=', agent),
)

/** Implements {@link AgentStorage.findStanding}, with cached queries. */
export async function findStanding(statement: Statement, agent: string): Promise<AgentStanding> {
  const [row] = await standing(statement, { agent })
  const ofHost = await isHostBlocked(statement, agent)
  return {
    isBlocked: ofHost || (row !== undefined && row.blocked_at !== null),
    isHostBlocked: ofHost,
    hasBeenAllowed: Boolean(row?.allowed),
  }
}

/** Implements {@link RequestStorage.abandonRequests}: returns how many requests were open. */
export async function abandonRequests(unit: Unit, { agent, by }: { agent: string; by: string }): Promise<number> {
  const row = await agentIdOf(unit, agent).executeTakeFirst()
  if (!row) return 0
  const count = await closeRequests(unit, row.id)
  if (count > 0) await writeEvent(unit, { event: 'requests.abandoned', agentId: row.id, data: { by, count } })
  return count
}

/** Closes the open requests of an agent, and of the agents on its host if it is one. With `or` and the partial index, SQLite finds no plan. */
async function closeRequests({ db, now }: Unit, agentId: number): Promise<number> {
  const ids = db
    .selectFrom('agent as h')
    .innerJoin('agent as a', (join) => join.on(isOnHost))
    .select('a.id')
    .where('h.id', '=', agentId)
    .unionAll(db.selectFrom('agent').select('id').where('id', '=', agentId))
  const { numUpdatedRows } = await db
    .updateTable('auth_request')
    .set({ status: 'abandoned' })
    .where('agent_id', 'in', ids)
    .where('status', '=', 'open')
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return Number(numUpdatedRows)
}
