import { generatePrivateJwk, systemClock } from 'countersign'
import { isLoopbackIdentifier } from 'countersign/discovery'
import { isAgentName } from '../agent-folder/agent-file.js'
import { type AgentFolder, agentFolderPath, type WrittenAgent } from '../agent-folder/agent-folder.js'
import { findAgentFolder, removeKey, writeAgentFolder } from '../agent-folder/folder-files.js'
import { exitStatus, usageError } from '../command/errors.js'
import { requireAllowed } from '../editions/agent-editions.js'
import type { EditionName } from '../editions/load-edition.js'
import { type NetworkFlags, readNetworkFlags, requireIdentifierFlag } from '../flags/network-flags.js'
import { type Look, lookAt } from '../own-agent/check-publication.js'
import { withProgress } from '../terminal/progress.js'
import type { Run } from '../terminal/terminal.js'
import { wrapText } from '../terminal/text.js'
import {
  documentOf,
  type InitResult,
  inMinutes,
  propagationDelay,
  publishedSince,
  renderInit,
  requirePropagated,
} from './render-init.js'
import { readUpload, type Upload, uploadFolder, writeUpload } from './upload-folder.js'

const checking = 'Checking the published documents'

const statuses = {
  up: exitStatus.done,
  absent: exitStatus.refused,
  wrong: exitStatus.refused,
  unreachable: exitStatus.network,
} as const

/** `countersign agent init`: creates an agent for the command line, with the documents that a static host must serve for it. */
export const initCommand: Run<InitFlags> = async (flags, terminal) => {
  const network = readNetworkFlags(flags)
  const path = agentFolderPath(terminal.env, flags.home)
  const before = await findAgentFolder(path)
  const description = describeAgent(flags, path, before)
  const change = await chooseKeys(description.id, before?.keys, flags)
  const since = change.kind === 'kept' || change.kind === 'due' ? before?.since : undefined
  const agent: WrittenAgent = { path, ...description, keys: change.keys, since }
  const places = await openOutputs(agent, flags.uploadFolder)
  await places.write(agent)
  if (change.kind === 'replaced' && before) await removeKeys(agent, before)
  const look = places.upload && (await withProgress(terminal, checking, () => lookAt(agent, network, terminal.notify)))
  const result = await finish(agent, change, places, look, flags)
  for (const warning of result.warnings) terminal.notify(wrapText('Warning: ', warning))
  terminal.write(flags.json ? `${JSON.stringify(documentOf(result), null, 2)}\n` : renderInit(result))
  const isCheck = change.kind === 'kept' && before !== undefined && isSame(description, before)
  return isCheck && look ? statuses[look.outcome] : exitStatus.done
}

/** Completes the command after the published documents were checked. */
async function finish(
  agent: WrittenAgent,
  { kind }: KeyChange,
  places: Outputs,
  look: Look | undefined,
  flags: InitFlags,
): Promise<InitResult> {
  const now = systemClock()
  const since = look && publishedSince(agent, look, now)
  const seen = { ...agent, since }
  if (since !== agent.since) await places.write(seen)
  const waitSeconds = look && since !== undefined ? propagationDelay(since, look, now) : undefined
  const warnings = warningsOf(seen, kind, waitSeconds)
  const result = { upload: places.upload, look, waitSeconds, warnings, homeFlag: flags.home }
  const { signing, next } = agent.keys
  if (kind !== 'due' || !next || !look) return { ...result, did: kind === 'due' ? 'kept' : kind, agent: seen }
  if (!flags.now) requirePropagated(seen, look, now)
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
  edition?: EditionName
  authServer?: readonly string[]
  uploadFolder?: string
  home?: string
  rotate?: true
  leaked?: true
  now?: true
  json?: true
}

/** The agent's metadata, from the flags or else from its folder. */
export type AgentDescription = Pick<AgentFolder, 'id' | 'name' | 'edition' | 'authServers'>

/** @throws CommandError for flags that are invalid, or do not match this folder */
export function describeAgent(flags: InitFlags, path: string, before: AgentFolder | undefined): AgentDescription {
  requireTogether(flags)
  if (!before && flags.rotate) throw usageError(`There is no agent in ${path}, so there is no key to rotate.`)
  const id = flags.id === undefined ? before?.id : requireIdentifierFlag('--id', flags.id, 'allowed')
  if (id === undefined)
    throw usageError(
      'agent init requires --id https://… with your own URL; to try it on this machine, use http://127.0.0.1:8004.',
    )
  if (before && id !== before.id)
    throw usageError(
      `${path} already contains the agent ${before.id}: use another folder with --home, or move the existing one somewhere else.`,
    )
  if (flags.name !== undefined && !isAgentName(flags.name))
    throw usageError('--name must be 1 to 200 characters on one line, not only spaces.')
  if (flags.uploadFolder !== undefined && isLoopbackIdentifier(id))
    throw usageError(`--upload-folder: ${id} serves its documents itself, so there is nothing to upload.`)
  const authServers = flags.authServer?.map((each) => requireIdentifierFlag('--auth-server', each, 'allowed'))
  const edition = before ? before.edition : flags.edition
  if (before && flags.edition !== undefined && flags.edition !== (before.edition ?? 'january'))
    throw usageError(
      `${path} already contains an agent of the edition ${before.edition ?? 'january'}: use another folder with --home.`,
    )
  const described = {
    id,
    name: flags.name ?? before?.name,
    edition,
    authServers: authServers ?? before?.authServers ?? [],
  }
  requireAllowed(described)
  return described
}

function requireTogether({ rotate, leaked, now }: InitFlags): void {
  if (rotate) return
  if (leaked) throw usageError('--leaked requires --rotate, which replaces the leaked key.')
  if (now) throw usageError('--now requires --rotate: it skips waiting until other parties have fetched the new key.')
}

type Keys = AgentFolder['keys']

/** The change to make to an agent's keys. */
export interface KeyChange {
  /**
   * `made`: the first key was created. `announced`: a next key was created and must be published. `due`: signing switches to the next key
   * as soon as other parties have fetched it. `replaced`: all keys were replaced by a new one.
   */
  kind: 'made' | 'kept' | 'announced' | 'due' | 'replaced'
  keys: Keys
}

/** Decides how the keys change, and generates new ones as needed. Nothing is written. */
export async function chooseKeys(id: string, before: Keys | undefined, flags: InitFlags): Promise<KeyChange> {
  if (!before) return { kind: 'made', keys: { signing: await generatePrivateJwk() } }
  if (!flags.rotate) return { kind: 'kept', keys: before }
  // Anyone who could read one of the keys in the folder could also read the other. Besides, a loopback agent publishes nothing between
  // runs.
  if (flags.leaked || isLoopbackIdentifier(id))
    return { kind: 'replaced', keys: { signing: await generatePrivateJwk() } }
  if (before.next) return { kind: 'due', keys: before }
  return { kind: 'announced', keys: { signing: before.signing, next: await generatePrivateJwk() } }
}

/** Warnings for the user who ran the command. */
export function warningsOf({ id }: WrittenAgent, kind: KeyChange['kind'], waitSeconds: number | undefined): string[] {
  const { pathname } = new URL(id)
  const warnings: string[] = []
  if (pathname !== '/')
    warnings.push(
      `${id} has a path. Most APIs and auth servers refuse such identifiers unless allowPath is set. If you can, use a separate host instead.`,
    )
  // Rotation continues before other parties have fetched the key only if --now is given.
  if (kind === 'due' && waitSeconds === undefined)
    warnings.push('The new key is not published yet: other parties refuse it until you upload the documents.')
  else if (kind === 'due' && waitSeconds !== undefined && waitSeconds > 0)
    warnings.push(`Other parties may refuse the new key for up to ${inMinutes(waitSeconds)}.`)
  return warnings
}

/** The locations to which an agent is written. */
export interface Outputs {
  /** The documents to upload; undefined for an agent on this machine, which serves its documents itself. */
  upload: Upload | undefined
  /** Writes the agent's folder first and its documents second, so that every uploaded key is also in the folder. */
  write: (agent: WrittenAgent) => Promise<void>
}

/** @throws CommandError if the documents cannot be written to their output folder */
export async function openOutputs(agent: WrittenAgent, out: string | undefined): Promise<Outputs> {
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
