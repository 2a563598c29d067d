import { isLoopbackIdentifier } from 'countersign/wire'
import type { WrittenAgent } from '../agent-folder/agent-folder.js'
import { writeAgentFolder } from '../agent-folder/write-agent-folder.js'
import { readUpload, type Upload, uploadFolder, writeUpload } from './upload-folder.js'

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
