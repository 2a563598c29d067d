import type { ServerContext } from '../http/context.js'
import { displayHost } from '../pages/components/marks.js'
import type { AgentPage, AllowedAgent } from '../pages/models/account-models.js'
import { cleanName, cleanText } from '../policy/plain-text.js'
import { permissionsOf } from '../policy/policy.js'
import type { ListedGrant, RecordedEvent } from '../storage/api/storage.js'

/** What was allowed to one agent at one resource, from the newest on, as often as it was. */
type Grants = readonly [ListedGrant, ...ListedGrant[]]

/** Takes a list of grants apart by agent, delegate and resource, in the order of the newest of each. */
export function byParties(grants: readonly ListedGrant[]): Grants[] {
  const groups = new Map<string, [ListedGrant, ...ListedGrant[]]>()
  for (const grant of grants) {
    const key = JSON.stringify([grant.agent, grant.delegate, grant.resource])
    const group = groups.get(key)
    if (group) group.push(grant)
    else groups.set(key, [grant])
  }
  return [...groups.values()]
}

const pageSize = 500

/** The grants of the same person for the same agent, delegate and resource that still hold: all of them, newest first. */
export async function liveGrants({ storage }: ServerContext, grant: ListedGrant): Promise<ListedGrant[]> {
  const { userId, agent, resource } = grant
  const found: ListedGrant[] = []
  let after: string | undefined
  do {
    const page = await storage.listGrants({ userId, agent, resource, live: true, limit: pageSize, after })
    found.push(...page.filter(({ delegate }) => delegate === grant.delegate))
    after = page.length < pageSize ? undefined : page.at(-1)?.id
  } while (after !== undefined)
  return found
}

/** The newest such grants that have ended, and the one given. */
export async function endedGrants({ storage }: ServerContext, grant: ListedGrant): Promise<Grants> {
  const { userId, agent, resource } = grant
  const ended = await storage.listGrants({ userId, agent, resource, live: false, limit: pageSize })
  const [newest = grant, ...older] = ended.filter(({ delegate }) => delegate === grant.delegate)
  return [newest, ...older, grant]
}

/** Who may act, and where, as pages name them. */
export function shownParties({
  agent,
  delegate,
  resource,
}: ListedGrant): Pick<AllowedAgent, 'agentHost' | 'delegate' | 'resourceHost'> {
  return {
    agentHost: displayHost(agent),
    delegate: delegate === null ? undefined : cleanText(delegate, 200),
    resourceHost: displayHost(resource),
  }
}

/** The delegates of a person's grants by grant: the record of a removal names none itself. */
export async function delegateNames(
  { storage }: ServerContext,
  userId: string,
  events: readonly RecordedEvent[],
): Promise<ReadonlyMap<string, string>> {
  if (events.every(({ grantId }) => grantId === undefined)) return new Map()
  const grants = await storage.listGrants({ userId, limit: pageSize })
  return new Map(grants.flatMap(({ id, delegate }) => (delegate === null ? [] : [[id, delegate]])))
}

/** The agents of grants, each once. */
export function agentsOf(grants: readonly ListedGrant[]): string[] {
  return [...new Set(grants.map(({ agent }) => agent))]
}

/** Those of the agents that the operator blocks now. */
export async function blockedAmong({ storage }: ServerContext, agents: readonly string[]): Promise<Set<string>> {
  const blocked = new Set<string>()
  for (const agent of agents) if ((await storage.findStanding(agent)).isBlocked) blocked.add(agent)
  return blocked
}

/** Grants in the words of the person who gave them; `logos` are paths by agent. */
export function agentEntry(
  context: ServerContext,
  grants: Grants,
  { logos, blocked }: { logos: ReadonlyMap<string, string>; blocked: ReadonlySet<string> },
): AllowedAgent {
  const [{ id, agent, display }] = grants
  const logo = logos.get(agent)
  const name = cleanName(display.agent.name ?? '')
  const names = [...new Set(grants.flatMap(({ scope }) => scope.split(' ')))]
  const used = grants.flatMap(({ lastUsedAt }) => lastUsedAt ?? [])
  const lastEnd = (some: readonly { expiresAt: number | null }[]) =>
    Math.max(...some.map(({ expiresAt }) => expiresAt ?? Number.POSITIVE_INFINITY))
  const permissions = grants.flatMap((grant) => grant.permissions)
  const end = lastEnd(grants)
  const able = permissionsOf(names, display.resource.scopeDescriptions ?? {}, context.readRisk).map(
    (permission, index) => {
      const until = lastEnd(permissions.filter(({ name }) => name === names[index]))
      return until < end ? { ...permission, until } : permission
    },
  )
  return {
    id,
    ...shownParties(grants[0]),
    agentName: name === '' ? undefined : name,
    logo,
    blocked: blocked.has(agent),
    able,
    since: Math.min(...grants.map(({ createdAt }) => createdAt)),
    lastUsed: used.length === 0 ? undefined : Math.max(...used),
    ends: Number.isFinite(end) ? end : undefined,
  }
}

/** When something that a person allowed came to its end, and who saw to that; undefined: it still holds. */
export function endOf({ userId, revokedAt, revokedBy, expiresAt }: ListedGrant, now: number): AgentPage['ended'] {
  if (revokedAt !== null) return { at: revokedAt, by: revokedBy === userId ? 'person' : 'server' }
  return expiresAt !== null && expiresAt <= now ? { at: expiresAt, by: 'time' } : undefined
}
