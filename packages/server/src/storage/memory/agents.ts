import type { AgentFilter, AgentSighting, AgentTraits, ListedAgent, SeenAgent } from '../agent-storage.js'
import { changedTraits } from '../changed-traits.js'
import { StorageError } from '../storage-error.js'
import { writeEvent } from './audit.js'
import type { MemoryUnit, StoredAgent } from './tables.js'

/** The agent's row, made when it is missing. */
export function markSeen({ tables, now }: MemoryUnit, agent: string): StoredAgent {
  const stored: StoredAgent = tables.agents.get(agent) ?? {
    agent,
    name: null,
    redirectHosts: [],
    keyThumbprints: [],
    firstSeenAt: now,
    lastSeenAt: now,
    blockedAt: null,
    blockedBy: null,
    recorded: false,
  }
  stored.lastSeenAt = now
  tables.agents.set(agent, stored)
  return stored
}

export function requireUnblocked(unit: MemoryUnit, agent: string): void {
  if (isAgentBlocked(unit, agent)) throw new StorageError('agent_blocked', 'the agent is blocked')
}

export function recordAgent(unit: MemoryUnit, sighting: AgentSighting): SeenAgent {
  const { agent } = sighting
  const lastSeenAt = unit.tables.agents.get(agent)?.lastSeenAt ?? unit.now
  const stored = markSeen(unit, agent)
  const shown: AgentTraits = {
    name: sighting.name ?? null,
    redirectHosts: [...sighting.redirectHosts],
    keyThumbprints: [...sighting.keyThumbprints],
  }
  const { name, redirectHosts, keyThumbprints } = stored
  const known = stored.recorded ? { name, redirectHosts, keyThumbprints } : undefined
  const changes = known && changedTraits(known, shown)
  Object.assign(stored, shown, { recorded: true })
  if (changes) writeEvent(unit, { event: 'agent.changed', agent, data: changes })
  return { firstSeenAt: stored.firstSeenAt, lastSeenAt, known }
}

export function findAgent({ tables }: MemoryUnit, agent: string): ListedAgent | undefined {
  const stored = tables.agents.get(agent)
  return stored && toListedAgent(stored)
}

export function listAgents({ tables }: MemoryUnit, filter: AgentFilter = {}): ListedAgent[] {
  const { query = '', blocked, after, limit = 100 } = filter
  return [...tables.agents.values()]
    .filter(({ agent }) => agent.includes(query.toLowerCase()))
    .filter(({ blockedAt }) => blocked === undefined || (blockedAt !== null) === blocked)
    .filter(({ agent }) => after === undefined || agent > after)
    .sort((a, b) => (a.agent < b.agent ? -1 : 1))
    .slice(0, limit)
    .map(toListedAgent)
}

function toListedAgent(stored: StoredAgent): ListedAgent {
  const { recorded: _, ...agent } = stored
  return structuredClone(agent)
}

export function setAgentBlocked(
  unit: MemoryUnit,
  { agent, blocked, by }: { agent: string; blocked: boolean; by: string },
): boolean {
  const { tables, now } = unit
  if (isAgentBlocked(unit, agent) === blocked) return false
  const stored = tables.agents.get(agent) ?? markSeen(unit, agent)
  stored.blockedAt = blocked ? now : null
  stored.blockedBy = blocked ? by : null
  const abandoned = blocked ? closeRequests(unit, agent) : 0
  writeEvent(unit, { event: blocked ? 'agent.blocked' : 'agent.unblocked', agent, data: { by, abandoned } })
  return true
}

export function isAgentBlocked({ tables }: MemoryUnit, agent: string): boolean {
  return (tables.agents.get(agent)?.blockedAt ?? null) !== null
}

export function abandonRequests(unit: MemoryUnit, { agent, by }: { agent: string; by: string }): number {
  const count = closeRequests(unit, agent)
  if (count > 0) writeEvent(unit, { event: 'requests.abandoned', agent, data: { by, count } })
  return count
}

function closeRequests({ tables, now }: MemoryUnit, agent: string): number {
  let closed = 0
  for (const request of tables.requests.values()) {
    if (request.agent !== agent || request.status !== 'open' || request.expiresAt <= now) continue
    request.status = 'abandoned'
    closed += 1
  }
  return closed
}
