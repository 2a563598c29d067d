import { agentCommands } from './agent-commands.js'
import { commandsOf } from './command-row.js'
import { debuggingCommands } from './debugging-commands.js'
import { deploymentCommands } from './deployment-commands.js'
import { operations } from './operations.js'

/** All commands but those that operate an auth server. */
export const tools = commandsOf([...agentCommands, ...debuggingCommands, ...deploymentCommands])

/** All commands, in the order that help shows them. */
export const commands = [...tools, ...operations]

/** What groups of commands are about. */
export const groups: Readonly<Record<string, string>> = {
  gateway: 'the reverse proxy for APIs without code',
  users: 'the people who can sign in',
  tokens: 'what people allowed the agent of this command line',
  keys: 'keys to sign with, and those of the auth server',
  agents: 'the agents that the auth server has seen',
  grants: 'what people allowed',
  audit: 'what happened',
  db: 'the database of the auth server',
}
