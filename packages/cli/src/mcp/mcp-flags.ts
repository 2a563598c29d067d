import { agentFolderPath } from '../agent-folder/agent-folder.js'
import { usageError } from '../command/errors.js'
import { type NetworkFlags, readNetworkFlags, requireIdentifierFlag } from '../flags/network-flags.js'

export interface McpFlags extends NetworkFlags {
  agent?: string
  authServer?: readonly string[]
  patience?: string
  urlInAnswers?: true
}

export interface McpSettings {
  url: string
  folderPath: string
  authServers: readonly string[]
  /** Seconds. */
  patience: number
  isUrlInAnswers: boolean
  network: ReturnType<typeof readNetworkFlags>
}

/** Less than any client waits, of those that are known. */
const defaultPatience = '20'

/** @throws CommandError for flags that cannot be meant */
export function readMcpFlags(address: string, flags: McpFlags, env: NodeJS.ProcessEnv): McpSettings {
  const { patience = defaultPatience } = flags
  if (!/^\d{1,5}(?:\.\d{1,3})?$/.test(patience)) throw usageError('--patience takes seconds, such as 20.')
  return {
    url: requireServer(address),
    folderPath: agentFolderPath(env, flags.agent),
    authServers: (flags.authServer ?? []).map((id) => requireIdentifierFlag('--auth-server', id, 'allowed')),
    patience: Number(patience),
    isUrlInAnswers: flags.urlInAnswers === true,
    network: readNetworkFlags(flags),
  }
}

function requireServer(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url && ['https:', 'http:'].includes(url.protocol) && url.hash === '' && url.username === '') return url.href
  throw usageError('Give the address of an MCP server, such as https://api.example/mcp')
}
