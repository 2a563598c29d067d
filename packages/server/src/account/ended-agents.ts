import type { ServerContext } from '../http/context.js'
import type { AgentPage, EndedAgent } from '../pages/models/account-models.js'
import type { Binding, ListedDelivery, ListedGrant } from '../storage/api/storage.js'
import { byParties, shownParties } from './agent-entries.js'

/** How many rows are read, and how many agents are shown. */
const most = { rows: 500, shown: 50 } as const

/** How long My agents shows whether resources were notified of a revocation, in seconds. */
const shownFor = 86_400

/** What happened to agents of a user that have no access any more. */
export interface Endings {
  deliveries: readonly ListedDelivery[]
  bindings: readonly Binding[]
}

/** Reads the notifications of a user's revocations, and the agents that act for this user only. */
export async function endingsOf(context: ServerContext, userId: string): Promise<Endings> {
  const [deliveries, bindings] = await Promise.all([
    deliveriesFor(context, userId),
    context.storage.listBindings({ userId, limit: most.rows }),
  ])
  return { deliveries, bindings }
}

/** Reads the notifications of a user's revocations. */
export function deliveriesFor({ storage }: ServerContext, userId: string): Promise<ListedDelivery[]> {
  return storage.listDeliveries({ userId, limit: most.rows })
}

/** The agents without access that still act for this user only, or whose resources were notified of a revocation recently. */
export async function endedAgents(
  { storage, now }: ServerContext,
  userId: string,
  live: readonly ListedGrant[],
  { deliveries, bindings }: Endings,
): Promise<EndedAgent[]> {
  const recent = deliveries.filter(({ revokedAt }) => revokedAt > now() - shownFor)
  if (recent.length === 0 && bindings.length === 0) return []
  const ended = await storage.listGrants({ userId, live: false, limit: most.rows })
  const all = byParties([...live, ...ended]).filter(([grant]) => !live.includes(grant))
  const shown = all.flatMap(([grant]) => {
    const told = toldOf(recent, grant)
    const isBound = bindings.some((binding) => isAgentOf(grant)(binding))
    return told === undefined && !isBound ? [] : [{ id: grant.id, ...shownParties(grant), told, isBound }]
  })
  return shown.slice(0, most.shown)
}

/** Whether the resource of a grant was notified of the user's latest revocation. */
export function toldOf(deliveries: readonly ListedDelivery[], grant: ListedGrant): AgentPage['told'] {
  const isOwn = isAgentOf(grant)
  const own = deliveries.filter(
    (each) => isOwn(each) && each.resource === grant.resource && each.account === grant.account,
  )
  const last = Math.max(...own.map(({ revokedAt }) => revokedAt))
  const outcomes = new Set(own.filter(({ revokedAt }) => revokedAt === last).map(({ outcome }) => outcome ?? 'pending'))
  // The one that leaves the most to do counts.
  return (['pending', 'failed', 'unsupported', 'delivered', 'expired'] as const).find((each) => outcomes.has(each))
}

type NamedAgent = Pick<ListedGrant, 'edition' | 'agent' | 'delegate'>

/** Whether an agent is the one that a grant names. */
export function isAgentOf({ edition, agent, delegate }: NamedAgent) {
  return (other: NamedAgent) => other.edition === edition && other.agent === agent && other.delegate === delegate
}
