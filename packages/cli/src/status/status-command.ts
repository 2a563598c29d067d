import { AgentError, type TokenSummary } from 'countersign/agent'
import { isLoopbackIdentifier } from 'countersign/discovery'
import { fileStore } from 'countersign/node'
import type { AgentFolder } from '../agent-folder/agent-folder.js'
import { type AgentFlags, chooseAgents } from '../agent-folder/choose-agent.js'
import { CommandError, exitStatus } from '../command/errors.js'
import { checkIdentifier } from '../discover/check-identifier.js'
import { loadEdition } from '../editions/load-edition.js'
import { type NetworkFlags, readNetworkFlags } from '../flags/network-flags.js'
import { lookAt } from '../own-agent/check-publication.js'
import { findConnection } from '../own-agent/device.js'
import { openOwnAgent } from '../own-agent/open-own-agent.js'
import { withProgress } from '../terminal/progress.js'
import type { Run } from '../terminal/terminal.js'
import { printable, wrapText } from '../terminal/text.js'
import { renderToken, tokenDocument } from '../tokens/tokens-commands.js'

interface StatusFlags extends NetworkFlags, AgentFlags {
  json?: true
}

/** The current state of one of the agent's auth servers. */
interface AuthServerStatus {
  id: string
  /** `refused`: the server responds, but agents cannot use its documents. */
  outcome: 'reachable' | 'refused' | 'unreachable'
  problems: readonly string[]
  /** The id of the user at this auth server whose tokens the agent has stored; null if no one has given consent yet. */
  user: string | null
}

interface Status {
  agent: Pick<AgentFolder, 'id' | 'name' | 'path' | 'device'>
  /**
   * Whether the agent's documents are published. A loopback agent's documents are served while a command is running. For a personal agent:
   * whether its device is connected.
   */
  published: 'up' | 'absent' | 'wrong' | 'unreachable' | 'while running' | 'connected' | 'disconnected'
  authServers: readonly AuthServerStatus[]
  tokens: readonly TokenSummary[]
}

/** `countersign status`: shows the agents, their users, what they may do and until when, and whether their auth servers are reachable. */
export const statusCommand: Run<StatusFlags> = async (flags, terminal) => {
  const network = readNetworkFlags(flags)
  const folders = await chooseAgents(flags, terminal.env)
  const check = () => Promise.all(folders.map((folder) => statusOf(folder, network)))
  const agents = await withProgress(terminal, 'Checking the agents and their auth servers', check)
  const document = { agents: agents.map(documentOf) }
  terminal.write(flags.json ? `${JSON.stringify(document, null, 2)}\n` : agents.map(render).join('\n'))
  const outcomes = agents.flatMap(({ published, authServers }) => [
    published,
    ...authServers.map((each) => each.outcome),
  ])
  if (outcomes.includes('unreachable')) return exitStatus.network
  return outcomes.some((outcome) => ['absent', 'wrong', 'disconnected', 'refused'].includes(outcome))
    ? exitStatus.refused
    : exitStatus.done
}

async function statusOf(folder: AgentFolder, network: ReturnType<typeof readNetworkFlags>): Promise<Status> {
  const own = await openOwnAgent({ folder, isLocal: true })
  const tokens = await own.agent.tokens()
  const users = await usersOf(folder)
  // Session tokens are issued by the resource itself, not by an auth server.
  const issuers = tokens.filter((token) => token.authServer !== token.resource).map(({ authServer }) => authServer)
  const ids = [...new Set([...folder.authServers, ...issuers, ...users.keys()])]
  const [published, ...authServers] = await Promise.all([
    folder.device ? checkDevice(folder) : checkPublication(folder, network),
    ...ids.map(async (id) => ({
      id,
      ...(await checkAuthServer(id, folder, network)),
      user: users.get(id) ?? null,
    })),
  ] as const)
  return { agent: folder, published, authServers, tokens }
}

const silent = () => undefined

async function checkPublication(
  folder: AgentFolder,
  network: ReturnType<typeof readNetworkFlags>,
): Promise<Status['published']> {
  return isLoopbackIdentifier(folder.id) ? 'while running' : (await lookAt(folder, network, silent)).outcome
}

async function checkDevice(folder: AgentFolder): Promise<Status['published']> {
  try {
    return (await findConnection(folder)) ? 'connected' : 'disconnected'
  } catch (error) {
    if (error instanceof CommandError && isTemporary(error)) return 'unreachable'
    throw error
  }
}

/** Whether an auth server does not respond, or is overloaded. */
function isTemporary({ exitCode, cause }: CommandError): boolean {
  return exitCode === exitStatus.network || (cause instanceof AgentError && cause.retryAfter !== undefined)
}

/** Returns the users whose tokens the agent has stored, by auth server. */
async function usersOf({ id, storePath }: AgentFolder): Promise<Map<string, string>> {
  const users = new Map<string, string>()
  for (const { agent, edition, kind, id: name, data } of await fileStore(storePath).list('')) {
    if (agent !== id || kind !== 'person') continue
    // The name continues with the auth server, or with `session` if the resource itself let the agent in.
    const [authServer = ''] = name.slice(`${edition} ${agent} `.length).split(' ')
    const { sub } = data as { sub?: unknown }
    if (authServer.startsWith('http') && typeof sub === 'string') users.set(authServer, sub)
  }
  return users
}

async function checkAuthServer(
  id: string,
  { edition }: AgentFolder,
  network: ReturnType<typeof readNetworkFlags>,
): Promise<Pick<AuthServerStatus, 'outcome' | 'problems'>> {
  const { documents } = await loadEdition(edition)
  const kinds = documents.filter(({ type }) => type.party === 'authServer')
  const { outcome, documents: reports } = await checkIdentifier(
    id,
    { ...network, configuredOrigin: new URL(id).origin },
    silent,
    kinds,
  )
  const findings = reports.flatMap((report) => [...report.findings, ...(report.key_set?.findings ?? [])])
  const problems = findings.filter(({ level }) => level === 'error').map(({ what }) => what)
  return { outcome: outcome === 'ok' ? 'reachable' : outcome, problems }
}

function documentOf({ agent, published, authServers, tokens }: Status): object {
  return {
    agent: agent.id,
    name: agent.name ?? null,
    folder: agent.path,
    device: agent.device ?? null,
    published,
    auth_servers: authServers,
    tokens: tokens.map(tokenDocument),
  }
}

const publishedAs: Readonly<Record<Status['published'], string>> = {
  up: 'published, and correct',
  absent: 'not published yet: run countersign agent init to see what to upload',
  wrong: 'published, but not correct: run countersign agent init',
  unreachable: 'could not be checked, because the host does not respond or is overloaded',
  connected: 'connected',
  disconnected: 'disconnected: to connect it again, run countersign login',
  'while running': 'served by fetch, sidecar and mcp while they are running',
}

const reachableAs: Readonly<Record<AuthServerStatus['outcome'], string>> = {
  reachable: 'is reachable',
  refused: 'responds, but cannot be used',
  unreachable: 'is not reachable',
}

function render({ agent, published, authServers, tokens }: Status): string {
  const name = agent.name === undefined ? '' : ` (${agent.name})`
  const rows = [
    row('Agent', `${agent.id}${name}`),
    row('Folder', agent.path),
    agent.device
      ? row('Device', `“${agent.device.name}” of the account ${agent.device.account}, ${publishedAs[published]}`)
      : row('Documents', publishedAs[published]),
    ...authServers.flatMap(({ id, outcome, problems, user }) => [
      row('Auth server', `${id} ${reachableAs[outcome]}`),
      ...problems.map((problem) => row('', problem)),
      row('User', user === null ? 'none: no one has given consent there yet' : user),
    ]),
    ...(authServers.length === 0
      ? [row('Auth server', 'none: set one with countersign agent init --auth-server')]
      : []),
    row('Access', tokens.length === 0 ? 'none' : ''),
  ]
  return `${rows.map(printable).join('\n')}\n${tokens.map(renderToken).join('')}`
}

function row(heading: string, text: string): string {
  return wrapText(heading.padEnd(13), text)
}
