import { systemClock } from 'countersign/wire'
import type { AgentFolder, WrittenAgent } from '../agent-folder/agent-folder.js'
import { agentFolderPath } from '../agent-folder/agent-folder-path.js'
import { findAgentFolder } from '../agent-folder/read-agent-folder.js'
import { removeKey } from '../agent-folder/remove-key.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { readNetworkFlags } from '../flags/network-flags.js'
import { type Look, lookAt } from '../own-agent/look.js'
import { wrapText } from '../text/wrap-text.js'
import { type AgentDescription, describeAgent, type InitFlags } from './init-flags.js'
import { documentOf, type InitResult } from './init-result.js'
import { chooseKeys, type KeyChange } from './key-change.js'
import { knownSince, requireKnown, secondsToWait } from './known-keys.js'
import { openPlaces, type Places } from './places.js'
import { renderInit } from './render-init.js'
import { warningsOf } from './warnings-of.js'

const statuses = {
  up: exitStatus.done,
  absent: exitStatus.refused,
  wrong: exitStatus.refused,
  unreachable: exitStatus.network,
} as const

/** `countersign init`: an agent for the command line, with what a host of static files must serve for it. */
export const initCommand: Run = async (options, terminal) => {
  const flags: InitFlags = options
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
