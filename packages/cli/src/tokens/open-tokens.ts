import type { CallbackOutcome } from 'countersign/agent'
import { agentFolderPath } from '../agent-folder/agent-folder-path.js'
import { readAgentFolder } from '../agent-folder/read-agent-folder.js'
import { type OwnAgent, openOwnAgent } from '../own-agent/open-own-agent.js'
import type { Terminal } from '../terminal/terminal.js'

/** The agent of `--agent`, with its tokens. */
export async function openTokens(
  agent: unknown,
  { env }: Terminal,
  callbackResponse?: (outcome: CallbackOutcome, detail?: string) => Response,
): Promise<OwnAgent> {
  const folder = await readAgentFolder(agentFolderPath(env, typeof agent === 'string' ? agent : undefined))
  return openOwnAgent({ folder, callbackResponse })
}
