import { exitStatus, usageError } from '../command/errors.js'
import { requireIdentifierFlag } from '../flags/network-flags.js'
import { formatTime } from '../terminal/table.js'
import type { Run } from '../terminal/terminal.js'
import { type ChangeOptions, inStorage, type OperationOptions, operatorName, printList } from './operation.js'

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
      agent.blockedAt !== null
        ? `${formatTime(agent.blockedAt)} by ${agent.blockedBy}`
        : agent.hostBlockedAt === null
          ? '-'
          : `with its host, ${formatTime(agent.hostBlockedAt)}`,
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
    const agent = readAgent(subject)
    const { changed, isHostBlocked } = await inStorage(flags, terminal, async ({ storage }) => {
      const isUrl = agent.includes(':')
      if (!isUrl && !(await storage.findAgent(agent))) throw usageError(unknownAgent(agent))
      const changed = await storage.setAgentBlocked({ agent, blocked, by: operatorName(flags) })
      return { changed, isHostBlocked: (await storage.findStanding(agent)).isHostBlocked }
    })
    const said = JSON.stringify({ agent, blocked, changed, ...(isHostBlocked && { hostBlocked: true }) })
    const outcome = !blocked && isHostBlocked ? stillBlocked(agent) : changed ? done : before
    terminal.write(`${flags.json ? said : `${agent} ${outcome}`}\n`)
    return exitStatus.done
  }
}

/** Reads an agent's identifier, the `client_id` of an OAuth client, or a host, which stands for the identifier without a path. */
function readAgent(text: string): string {
  const isHost = /^[\w-]+(\.[\w-]+)+(:\d+)?$/.test(text)
  const isClient = /^https:\/\/[^/]+\/./.test(text) && URL.canParse(text) && new URL(text).href === text
  if (isClient || /^[\w-]+$/.test(text)) return text
  return requireIdentifierFlag('The agent', isHost ? `https://${text}` : text, 'allowed')
}

function unknownAgent(agent: string): string {
  return `No client has the id ${agent}. Specify an agent's identifier, the client_id of an OAuth client, or a host, such as client.example.`
}

function stillBlocked(agent: string): string {
  const { origin } = new URL(agent)
  return `is still blocked with its host: to unblock all agents and clients there, run countersign server agents unblock ${origin}.`
}
