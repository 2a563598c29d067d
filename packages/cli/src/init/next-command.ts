import type { WrittenAgent } from '../agent-folder/agent-folder.js'
import { quoteForShell } from '../text/quote-for-shell.js'

interface Told {
  agent: WrittenAgent
  /** The folder as it was given. */
  agentFlag: string | undefined
}

/** The command to run next, ready to paste; URLs that it cannot know are examples. */
export function nextCommand({ agent, agentFlag }: Told): string {
  if (agent.keys.next) return initCommandLine({ agentFlag }, '--rotate')
  const asked = agent.authServers.length > 0 ? [] : ['--auth-server', 'https://auth.example']
  return commandLine('fetch', agentFlag, [...asked, 'https://api.example/events'])
}

/** `init` for the same folder. */
export function initCommandLine({ agentFlag }: Pick<Told, 'agentFlag'>, ...flags: string[]): string {
  return commandLine('init', agentFlag, flags)
}

function commandLine(name: string, agentFlag: string | undefined, rest: readonly string[]): string {
  const folder = agentFlag === undefined ? [] : ['--agent', agentFlag]
  return ['countersign', name, ...[...folder, ...rest].map(word)].join(' ')
}

function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : quoteForShell(text)
}
