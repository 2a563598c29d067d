import { exitStatus } from '../command/errors.js'
import { requireIdentifierFlag } from '../flags/network-flags.js'
import type { Run } from '../terminal/terminal.js'
import {
  type ChangeOptions,
  formatTime,
  inStorage,
  type OperationOptions,
  operatorName,
  printList,
} from './operation.js'

interface Options extends OperationOptions {
  query?: string
  blocked?: true
  limit?: string
}

/** `countersign server agents list`: lists the agents that have made a request or are blocked. */
export const agentsList: Run<Options> = async ({ query, blocked, ...flags }, terminal) => {
  return printList(flags, terminal, {
    find: ({ storage }, limit) => storage.listAgents({ query, blocked, limit }),
    headings: ['AGENT', 'SELF-REPORTED NAME', 'FIRST SEEN', 'LAST SEEN', 'BLOCKED'],
    cells: (agent) => [
      agent.agent,
      agent.name ?? '-',
      formatTime(agent.firstSeenAt),
      formatTime(agent.lastSeenAt),
      agent.blockedAt === null ? '-' : `${formatTime(agent.blockedAt)} by ${agent.blockedBy}`,
    ],
  })
}

/** `countersign server agents block`. */
export const agentsBlock = commandThatSets(true, { done: 'is blocked.', before: 'was already blocked.' })

/** `countersign server agents unblock`. */
export const agentsUnblock = commandThatSets(false, { done: 'can make requests again.', before: 'was not blocked.' })

function commandThatSets(blocked: boolean, { done, before }: { done: string; before: string }): Run {
  return async (options, terminal, subject) => {
    const flags: ChangeOptions = options
    const agent = requireIdentifierFlag('The agent', subject, 'allowed')
    const changed = await inStorage(flags, terminal, ({ storage }) =>
      storage.setAgentBlocked({ agent, blocked, by: operatorName(flags) }),
    )
    const said = JSON.stringify({ agent, blocked, changed })
    terminal.write(`${flags.json ? said : `${agent} ${changed ? done : before}`}\n`)
    return exitStatus.done
  }
}
