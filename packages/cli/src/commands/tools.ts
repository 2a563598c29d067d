import { agentCommands } from './agent-commands.js'
import { commandsOf } from './command-row.js'
import { debuggingCommands } from './debugging-commands.js'
import { deploymentCommands } from './deployment-commands.js'
import { operations } from './operations.js'

/** All commands except those that operate an auth server. */
export const tools = commandsOf([...agentCommands, ...debuggingCommands, ...deploymentCommands])

/** All commands, in the order in which help lists them. */
export const commands = [...tools, ...operations]

/** Descriptions of the command groups. */
export const groups: Readonly<Record<string, string>> = {
  gateway: 'The reverse proxy for APIs, without code changes',
  users: 'Users who can sign in',
  tokens: 'Tokens of the command line’s own agent',
  keys: 'Signing keys, and the keys of the auth server',
  agents: 'Agents known to the auth server',
  grants: 'Grants that users have given',
  audit: 'The audit log',
  db: 'The auth server’s database',
}
