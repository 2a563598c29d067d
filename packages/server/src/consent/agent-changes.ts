import type { ServerContext } from '../http/context.js'
import type { AgentChange } from '../pages/models.js'
import { cleanName } from '../policy/plain-text.js'
import type { AuthRequest, Grant } from '../storage/api/storage.js'

/** How far back it is looked. */
const looked = 20

/**
 * What about the agent is not as this person saw it when they last allowed it; for somebody who never did, as others saw
 * it. What nobody looked at, such as a request that an agent made for itself, is no news to anybody.
 */
export async function agentChanges(
  { storage }: ServerContext,
  { agent, display }: AuthRequest,
  own: readonly Grant[],
): Promise<AgentChange[]> {
  const seen = own.length > 0 ? own.slice(0, looked) : await storage.listGrants({ agent, limit: looked })
  return changesSince(
    seen.map((grant) => grant.display.agent),
    display.agent,
  )
}

type Traits = AuthRequest['display']['agent']

/** An agent may have several keys and addresses in use, so one that was seen is known; its name is one. Newest first. */
function changesSince(seen: readonly Traits[], now: Traits): AgentChange[] {
  const [last] = seen
  if (!last) return []
  const keys = seen.flatMap(({ jkt }) => jkt ?? [])
  const hosts = seen.flatMap(({ redirectHost }) => redirectHost ?? [])
  const [lastHost] = hosts
  const changes: AgentChange[] = []
  if (now.jkt !== undefined && keys.length > 0 && !keys.includes(now.jkt)) changes.push({ what: 'keys' })
  if (now.redirectHost !== undefined && lastHost !== undefined && !hosts.includes(now.redirectHost)) {
    changes.push({ what: 'redirect_host', before: lastHost })
  }
  if (last.name !== now.name) changes.push({ what: 'name', before: last.name && cleanName(last.name) })
  return changes
}
