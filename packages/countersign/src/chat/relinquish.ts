import type { SharedAgentOptions } from '../agent/agent-options.js'
import type { WebAgent } from '../agent/create-web-agent.js'
import { createDiscoveryBehind } from '../discovery/discovery.js'
import { noGuard } from '../discovery/lookup-guard.js'
import { revokeRefreshToken } from '../editions/january/january-revocation.js'
import type { Pending, PendingChats } from './pending-chats.js'

interface RelinquishedChats {
  chats: PendingChats
  agent: Pick<WebAgent, 'for' | 'forget'>
  now: () => number
}

/** Ends connections, and revokes their refresh tokens at the auth servers. */
export function createRelinquisher(options: SharedAgentOptions, { chats, agent, now }: RelinquishedChats) {
  const { authServers, endpointOrigins, allowInsecureLoopback = false, allowPath = false, allowNetworks = [] } = options
  const discovery = createDiscoveryBehind(noGuard, {
    allowInsecureLoopback,
    allowPath,
    endpointOrigins,
    allowNetworks,
    fetch: options.fetchDocument ?? options.fetch,
    configuredIssuers: typeof authServers === 'function' ? [] : authServers,
    now,
  })

  /** Ends a connection, unless another caller has just confirmed it. Resolves to false if its tokens could not be revoked yet. */
  async function giveUp(pending: Pending): Promise<boolean> {
    const gone: Pending = { ...pending, state: 'given up' }
    // Stored first, so that a sweep continues if this process is killed.
    if (pending.state !== 'link') await chats.put(gone)
    const isEnded = pending.state === 'given up' || (await chats.remove(pending))
    if (pending.state === 'link' || !isEnded) {
      await chats.remove(gone)
      return true
    }
    const tools = { discovery, endpointOrigins, fetch: agent.for(gone.id).fetch }
    for (const token of await chats.refreshTokens(gone.id)) if (!(await revokeRefreshToken(tools, token))) return false
    await agent.forget(gone.id)
    await chats.forgetGuesses(gone)
    await chats.remove(gone)
    return true
  }

  /** Ends what was not confirmed in time. Resolves to the number of connections whose tokens could not be revoked yet. */
  async function sweep(): Promise<number> {
    const over = (await chats.list()).filter(({ state, until }) => state === 'given up' || until <= now())
    const outcomes = await Promise.all(over.map(giveUp))
    return outcomes.filter((isDone) => !isDone).length
  }
  return { giveUp, sweep }
}
