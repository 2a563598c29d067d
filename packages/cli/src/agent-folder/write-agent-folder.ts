import { join } from 'node:path'
import { openPrivateFolder, readPrivateFile, writePrivateFile } from 'countersign/node'
import type { AgentFile } from './agent-file.js'
import type { AgentKey, WrittenAgent } from './agent-folder.js'
import { keyFileOf } from './key-file-of.js'

/**
 * Writes the folder of an agent: keys that are not there yet, then what names them. Whatever ends the program meanwhile, the
 * folder is that of before or that of after. A key that is there is never written again.
 *
 * @throws FileStoreError where others could read the folder or a key in it, with the command that mends it
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
  await writePrivateFile(join(path, 'agent.json'), `${JSON.stringify(file, null, 2)}\n`)
}

async function addKey(path: string, key: AgentKey): Promise<void> {
  const place = join(path, keyFileOf(key))
  if ((await readPrivateFile(place)) !== undefined) return
  await writePrivateFile(place, `${JSON.stringify(key, null, 2)}\n`)
}
