import { generatePrivateJwk } from 'countersign'
import { isLoopbackIdentifier } from 'countersign/wire'
import type { AgentFolder } from '../agent-folder/agent-folder.js'
import type { InitFlags } from './init-flags.js'

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
