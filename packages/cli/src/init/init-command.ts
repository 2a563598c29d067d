import { generatePrivateJwk, systemClock } from 'countersign'
import { isLoopbackIdentifier } from 'countersign/discovery'
import { isAgentName } from '../agent-folder/agent-file.js'
import { type AgentFolder, agentFolderPath, type WrittenAgent } from '../agent-folder/agent-folder.js'
import { findAgentFolder, removeKey, writeAgentFolder } from '../agent-folder/folder-files.js'
import { exitStatus, usageError } from '../command/errors.js'
import { type NetworkFlags, readNetworkFlags, requireIdentifierFlag } from '../flags/network-flags.js'
import { type Look, lookAt } from '../own-agent/look.js'
import type { Run } from '../terminal/terminal.js'
import { wrapText } from '../terminal/text.js'
import {
  documentOf,
  type InitResult,
  inMinutes,
  knownSince,
  renderInit,
  requireKnown,
  secondsToWait,
} from './render-init.js'
import { readUpload, type Upload, uploadFolder, writeUpload } from './upload-folder.js'

const statuses = {
  up: exitStatus.done,
  absent: exitStatus.refused,
  wrong: exitStatus.refused,
  unreachable: exitStatus.network,
} as const

/** `countersign init`: an agent for the command line, with what a host of static files must serve for it. */
export const initCommand: Run<InitFlags> = async (flags, terminal) => {
  const network = readNetworkFlags(flags)
  const path = agentFolderPath(terminal.env, flags.agent)
  const before = await findAgentFolder(path)
  const description = describeAgent(flags, path, before)
  const change = await chooseKeys(description.id, before?.keys, flags)
  const since = change.kind === 'kept' || change.kind === 'due' ? before?.since : undefined
  const agent: WrittenAgent = { path, ...description, keys: change.keys, since }
  const places = await openPlaces(agent, flags.out)
  await places.write(agent)
  if (change.kind === 'replaced' && before) await removeKeys(agent, before)
  const look = places.upload && (await lookAt(agent, network, terminal.notify))
  const result = await finish(agent, change, places, look, flags)
  for (const warning of result.warnings) terminal.notify(wrapText('Warning: ', warning))
  terminal.write(flags.json ? `${JSON.stringify(documentOf(result), null, 2)}\n` : renderInit(result))
  const isCheck = change.kind === 'kept' && before !== undefined && isSame(description, before)
  return isCheck && look ? statuses[look.outcome] : exitStatus.done
}

/** What is left to do once the places where the agent publishes were looked at. */
async function finish(
  agent: WrittenAgent,
  { kind }: KeyChange,
  places: Places,
  look: Look | undefined,
  flags: InitFlags,
): Promise<InitResult> {
  const now = systemClock()
  const since = look && knownSince(agent, look, now)
  const seen = { ...agent, since }
  if (since !== agent.since) await places.write(seen)
  const waitSeconds = look && since !== undefined ? secondsToWait(since, look, now) : undefined
  const warnings = warningsOf(seen, kind, waitSeconds)
  const result = { upload: places.upload, look, waitSeconds, warnings, agentFlag: flags.agent }
  const { signing, next } = agent.keys
  if (kind !== 'due' || !next || !look) return { ...result, did: kind === 'due' ? 'kept' : kind, agent: seen }
  if (!flags.now) requireKnown(seen, look, now)
  const changed: WrittenAgent = { ...agent, keys: { signing: next }, since: undefined }
  await places.write(changed)
  await removeKey(changed, signing)
  return { ...result, did: 'changed', agent: changed }
}

async function removeKeys(agent: WrittenAgent, { keys: { signing, next } }: AgentFolder): Promise<void> {
  for (const key of next ? [signing, next] : [signing]) await removeKey(agent, key)
}

function isSame(one: AgentDescription, other: AgentDescription): boolean {
  return one.name === other.name && one.authServers.join() === other.authServers.join()
}

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

type Keys = AgentFolder['keys']

/** What becomes of the keys of an agent. */
export interface KeyChange {
  /**
   * `made`: the first one. `announced`: the next one is to be published, too. `due`: the next one signs as soon as others
   * know it. `replaced`: a new one alone.
   */
  kind: 'made' | 'kept' | 'announced' | 'due' | 'replaced'
  keys: Keys
}

/** Decides what becomes of the keys, and makes those that are needed; nothing is written. */
export async function chooseKeys(id: string, before: Keys | undefined, flags: InitFlags): Promise<KeyChange> {
  if (!before) return { kind: 'made', keys: { signing: await generatePrivateJwk() } }
  if (!flags.rotate) return { kind: 'kept', keys: before }
  // Who could read one key of a folder could read the other. And on this machine nothing is published in between.
  if (flags.leaked || isLoopbackIdentifier(id))
    return { kind: 'replaced', keys: { signing: await generatePrivateJwk() } }
  if (before.next) return { kind: 'due', keys: before }
  return { kind: 'announced', keys: { signing: before.signing, next: await generatePrivateJwk() } }
}

/** What whoever typed the command should know before they go on. */
export function warningsOf({ id }: WrittenAgent, kind: KeyChange['kind'], waitSeconds: number | undefined): string[] {
  const { pathname } = new URL(id)
  const warnings: string[] = []
  if (pathname !== '/')
    warnings.push(
      `${id} has a path. Most APIs and auth servers refuse that: they take it only where allowPath is set. Use a host of its own if you can.`,
    )
  // Only --now goes on before others know the key.
  if (kind === 'due' && waitSeconds === undefined)
    warnings.push('The new key is not seen where the agent publishes its keys: others refuse it until you upload it.')
  else if (kind === 'due' && waitSeconds !== undefined && waitSeconds > 0)
    warnings.push(`Others may refuse the new key for ${inMinutes(waitSeconds)}.`)
  return warnings
}

/** Where an agent is written to. */
export interface Places {
  /** What is to be uploaded; undefined for an agent on this machine, which publishes its documents itself. */
  upload: Upload | undefined
  /** Writes the agent's own folder, then its documents: what is uploaded never has a key that the agent has not. */
  write: (agent: WrittenAgent) => Promise<void>
}

/** @throws CommandError where the documents cannot be written to the folder for them */
export async function openPlaces(agent: WrittenAgent, out: string | undefined): Promise<Places> {
  if (isLoopbackIdentifier(agent.id)) return { upload: undefined, write: writeAgentFolder }
  const folder = uploadFolder(agent, out)
  const upload = await readUpload(agent, folder)
  return {
    upload,
    async write(written) {
      await writeAgentFolder(written)
      await writeUpload(written, upload)
    },
  }
}
