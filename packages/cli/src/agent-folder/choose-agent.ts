import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, usageError } from '../command/errors.js'
import { type AgentFolder, agentFolderPath } from './agent-folder.js'
import { findAgentFolder } from './folder-files.js'

/** The flags that choose the agent. */
export interface AgentFlags {
  home?: string | undefined
  as?: string | undefined
}

/** The folder of the device's agent at an auth server: one per auth server, within the folder of the command line's own agent. */
export function loginFolderPath(home: string, authServer: string): string {
  return join(home, 'logins', encodeURIComponent(authServer.replace(/^https:\/\//, '')))
}

/** Finds the agents of this user on this device: the own agent of `agent init`, if any, and one for each login. */
export async function findAgents({ home }: AgentFlags, env: NodeJS.ProcessEnv): Promise<AgentFolder[]> {
  const path = agentFolderPath(env, home)
  const paths = [path, ...(await loginsIn(join(path, 'logins')))]
  const found = await Promise.all(paths.map(findAgentFolder))
  return found.filter((agent) => agent !== undefined)
}

async function loginsIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort().map((name) => join(folder, name))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw usageError(`${folder} cannot be read (${errorCode(error)}).`, error)
  }
}

/**
 * Chooses the agent that a command acts as: the one in `--as`, or else the only one on this device. An API learns which agent calls, so no
 * agent is tried on the chance that it is the right one.
 *
 * @throws CommandError if there is no such agent, or if there are several and `--as` is absent
 */
export async function chooseAgent(flags: AgentFlags, env: NodeJS.ProcessEnv): Promise<AgentFolder> {
  const [agent, ...others] = await chooseAgents(flags, env)
  if (others.length === 0) return agent
  const names = [agent, ...others].map(({ id }) => id).join(', ')
  throw usageError(`There are several agents on this device: choose one with --as. They are ${names}.`)
}

/**
 * Returns all agents on this device, or only the one in `--as`.
 *
 * @throws CommandError if there is none
 */
export async function chooseAgents(
  flags: AgentFlags,
  env: NodeJS.ProcessEnv,
): Promise<[AgentFolder, ...AgentFolder[]]> {
  const agents = await findAgents(flags, env)
  const [first, ...rest] = flags.as === undefined ? agents : agents.filter(({ id }) => id === flags.as)
  if (first) return [first, ...rest]
  const where = agentFolderPath(env, flags.home)
  const what =
    flags.as === undefined ? `There is no agent in ${where}` : `--as: there is no agent ${flags.as} in ${where}`
  const others = agents.length === 0 ? '' : ` It contains ${agents.map(({ id }) => id).join(', ')}.`
  const home = 'and with the same --home if you set one'
  throw usageError(
    `${what}: run countersign login with the URL of your auth server, or countersign agent init --id with your own URL, ${home}.${others}`,
  )
}
