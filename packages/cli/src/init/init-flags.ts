import { isLoopbackIdentifier } from 'countersign/wire'
import { isAgentName } from '../agent-folder/agent-file.js'
import type { AgentFolder } from '../agent-folder/agent-folder.js'
import { usageError } from '../command/command-error.js'
import type { NetworkFlags } from '../flags/network-flags.js'
import { requireIdentifierFlag } from '../flags/require-identifier-flag.js'

export interface InitFlags extends NetworkFlags {
  id?: string
  name?: string
  authServer?: readonly string[]
  out?: string
  agent?: string
  rotate?: true
  leaked?: true
  now?: true
  json?: true
}

/** Who the agent is: what the flags say, else what its folder says. */
export type AgentDescription = Pick<AgentFolder, 'id' | 'name' | 'authServers'>

/** @throws CommandError for flags that cannot be meant, or not of this folder */
export function describeAgent(flags: InitFlags, path: string, before: AgentFolder | undefined): AgentDescription {
  requireTogether(flags)
  if (!before && flags.rotate) throw usageError(`There is no agent in ${path} whose key could be changed.`)
  const id = flags.id === undefined ? before?.id : requireIdentifierFlag('--id', flags.id, 'allowed')
  if (id === undefined)
    throw usageError('init needs --id https://… with a URL of yours; to try it on this machine, http://127.0.0.1:8004.')
  if (before && id !== before.id)
    throw usageError(`${path} has the agent ${before.id}: give another folder with --agent, or move that one away.`)
  if (flags.name !== undefined && !isAgentName(flags.name))
    throw usageError('--name takes 1 to 200 characters on one line.')
  if (flags.out !== undefined && isLoopbackIdentifier(id))
    throw usageError(`--out: ${id} publishes its documents itself, so there is nothing to upload.`)
  const authServers = flags.authServer?.map((each) => requireIdentifierFlag('--auth-server', each, 'allowed'))
  return { id, name: flags.name ?? before?.name, authServers: authServers ?? before?.authServers ?? [] }
}

function requireTogether({ rotate, leaked, now }: InitFlags): void {
  if (rotate) return
  if (leaked) throw usageError('--leaked needs --rotate: the key that leaked is replaced.')
  if (now) throw usageError('--now needs --rotate: it does not wait until others know the new key.')
}
