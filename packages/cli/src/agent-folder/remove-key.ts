import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { AgentKey, WrittenAgent } from './agent-folder.js'
import { keyFileOf } from './key-file-of.js'

/** Removes a key that the agent has no more, once its folder names it no more. */
export async function removeKey({ path }: WrittenAgent, key: AgentKey): Promise<void> {
  await rm(join(path, keyFileOf(key)), { force: true })
}
