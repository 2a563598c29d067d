import { exitStatus } from '../../command/exit-status.js'
import type { Run } from '../../command/run.js'
import { type OperationOptions, parseLimit, withinLimit } from '../flags.js'
import { inStorage } from '../in-storage.js'
import { formatTime, renderTable } from '../render-table.js'

interface Options extends OperationOptions {
  query?: string
  blocked?: true
  limit?: string
}

/** `countersign agents list`: the agents that have asked for something, or are blocked. */
export const agentsList: Run = async (options, terminal) => {
  const { query, blocked, ...flags }: Options = options
  const limit = parseLimit(flags.limit)
  const found = await inStorage(flags, terminal, ({ storage }) =>
    storage.listAgents({ query, blocked, limit: limit + 1 }),
  )
  const agents = withinLimit(found, limit, terminal)
  const rows = agents.map((agent) => [
    agent.agent,
    agent.name ?? '-',
    formatTime(agent.firstSeenAt),
    formatTime(agent.lastSeenAt),
    agent.blockedAt === null ? '-' : `${formatTime(agent.blockedAt)} by ${agent.blockedBy}`,
  ])
  const table = () => renderTable(['AGENT', 'SAYS IT IS', 'FIRST SEEN', 'LAST SEEN', 'BLOCKED'], rows)
  terminal.write(flags.json ? `${JSON.stringify(agents, null, 2)}\n` : table())
  return exitStatus.done
}
