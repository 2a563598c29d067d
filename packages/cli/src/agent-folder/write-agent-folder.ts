import { join } from 'node:path'
import { openPrivateFolder, readPrivateFile, writePrivateFile } from 'countersign/node'
import { CommandError } from '../command/command-error.js'
import { errorCode } from '../command/error-code.js'
import type { AgentFile } from './agent-file.js'
import type { AgentKey, WrittenAgent } from './agent-folder.js'
import { keyFileOf } from './key-file-of.js'

/**
 * Writes the folder of an agent: keys that are not there yet, then what names them. Whatever ends the program meanwhile, the
 * folder is that of before or that of after. A key that is there is never written again.
 *
 * @throws FileStoreError where others could read the folder or a key in it, with the command that mends it
 * @throws CommandError where it cannot be written
 */
export async function writeAgentFolder({ path, id, name, authServers, keys, since }: WrittenAgent): Promise<void> {
  openPrivateFolder(path)
  const { signing, next } = keys
  for (const key of next ? [signing, next] : [signing]) await addKey(path, key)
  const file: AgentFile = {
    id,
    name,
    authServers,
    signingKey: keyFileOf(signing),
    nextKey: next && keyFileOf(next),
    since,
  }
  await writeText(join(path, 'agent.json'), `${JSON.stringify(file, null, 2)}\n`)
}

async function addKey(path: string, key: AgentKey): Promise<void> {
  const place = join(path, keyFileOf(key))
  if ((await readPrivateFile(place)) !== undefined) return
  await writeText(place, `${JSON.stringify(key, null, 2)}\n`)
}

async function writeText(place: string, text: string): Promise<void> {
  try {
    await writePrivateFile(place, text)
  } catch (cause) {
    throw new CommandError(`${place} cannot be written (${errorCode(cause)}).`, { cause })
  }
}
