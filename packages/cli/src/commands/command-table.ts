import { agentCommands, demoCommands } from './agent-commands.js'
import { type Command, commandsOf } from './command-row.js'
import { completionOf, shells } from './completion.js'
import { debuggingCommands } from './debugging-commands.js'
import { gatewayCommands } from './gateway-commands.js'
import { serverCommands } from './server-commands.js'

/** Commands for one kind of user. */
interface Audience {
  /** Heading in the help of `countersign`, and in the documentation. */
  heading: string
  commands: readonly Command[]
}

/** Needs the list of commands itself, so it cannot be part of a table. */
const completion: Command = {
  name: 'completion',
  about: 'Print a script that completes commands and flags in your shell',
  example: 'completion bash > ~/.local/share/bash-completion/completions/countersign',
  page: 'The command line',
  subjects: [{ name: '<shell>', description: 'Your shell', choices: shells }],
  flags: [],
  load: async () => completionOf(commands, groups),
}

/** All commands, grouped by their users, in the order in which the help lists them. */
export const audiences: readonly Audience[] = [
  { heading: 'See how it works', commands: commandsOf(demoCommands) },
  { heading: 'Call APIs as your own agent', commands: commandsOf(agentCommands) },
  { heading: 'Protect an API', commands: commandsOf(gatewayCommands) },
  { heading: 'Run an auth server', commands: serverCommands },
  { heading: 'Debug requests and tokens', commands: commandsOf(debuggingCommands) },
  { heading: 'Set up your shell', commands: [completion] },
]

/** All commands, in the order in which the help lists them. */
export const commands: readonly Command[] = audiences.flatMap((audience) => audience.commands)

/** Descriptions of the command groups, by the words after `countersign`. */
export const groups: Readonly<Record<string, string>> = {
  agent: 'Create your own agent, and manage its keys and tokens',
  'agent keys': 'Private keys, and the key sets to publish',
  'agent tokens': 'What your agent may do',
  gateway: 'Run the gateway: a reverse proxy that protects an API without code changes',
  server: 'Run an auth server, and manage its users, grants and database',
  'server users': 'Users who can sign in',
  'server keys': 'Signing keys and the master key',
  'server agents': 'Agents known to the auth server',
  'server devices': 'Devices that users have connected',
  'server grants': 'Grants that users have given',
  'server audit': 'The audit log',
  'server db': "The auth server's database",
}
