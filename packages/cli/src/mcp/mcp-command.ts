import { AgentError } from 'countersign/agent'
import { readAgentFolder } from '../agent-folder/folder-files.js'
import { exitStatus } from '../command/errors.js'
import { agentFailure, openOwnAgent } from '../own-agent/open-own-agent.js'
import { catchInterruption } from '../terminal/interruption.js'
import { openBrowser } from '../terminal/open-browser.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import { type Bridge, createBridge } from './bridge/create-bridge.js'
import { openCallbackPort } from './consent/callback-port.js'
import { createConsentAsker } from './consent/consent-asker.js'
import { createConsentDesk } from './consent/consent-desk.js'
import { heldPermissions } from './consent/held-permissions.js'
import { type McpFlags, readMcpFlags } from './mcp-flags.js'
import { type ClientOutput, createClientOutput } from './messages/client-output.js'
import { readMessages, serializeMessage } from './messages/stdio.js'
import { ServerProblem } from './server/server-problem.js'

/** `countersign mcp <url>`: an MCP server on standard input and output, which asks a protected one as the command line's own agent. */
export const mcpCommand: Run = async (options, terminal, address) => {
  const { url, folderPath, authServers, patience, isUrlInAnswers, network } = readMcpFlags(
    address,
    options as unknown as McpFlags,
    terminal.env,
  )
  const folder = await readAgentFolder(folderPath)
  const port = await openCallbackPort({ folder: folder.path, url, secret: JSON.stringify(folder.keys.signing) })
  try {
    const { redirectUri } = port
    const own = await openOwnAgent({ folder, authServers, targets: [url], network, redirectUri })
    try {
      const desk = createConsentDesk(async () => heldPermissions(await own.agent.tokens()))
      port.serve((request) => own.agent.handler(request), desk)
      const output = createClientOutput(terminal.output)
      const { host } = new URL(url)
      const show = (text: string, page: string) => {
        terminal.notify(text)
        openBrowser(port.leadTo(page), terminal.env).catch(() => undefined)
      }
      const bridge = createBridge({
        url,
        fetch: own.agent.fetch,
        consent: createConsentAsker({ host, desk, patience, isUrlInAnswers, show, hear: port.hear }),
        tell: (message) => output.write(serializeMessage(message)),
        clientReads: output.read,
        describe: (error) => describe(error, url),
        onProblem: terminal.notify,
      })
      desk.onAllowed(() => bridge.allowed())
      await serve(bridge, terminal, output)
    } finally {
      await own.close()
    }
  } finally {
    await port.close()
  }
  return exitStatus.done
}

/** Until the client closes its end, or the command is told to end. */
async function serve(bridge: Bridge, terminal: Terminal, output: ClientOutput): Promise<void> {
  const { input } = terminal.asking
  const interruption = catchInterruption(terminal)
  interruption.signal.addEventListener('abort', () => input.destroy())
  try {
    for await (const message of readMessages(input, { answer: output.write, onProblem: terminal.notify })) {
      bridge.receive(message)
      await output.room()
    }
  } catch (error) {
    // Told to end while it reads.
    if (!interruption.signal.aborted) throw error
  } finally {
    await bridge.close()
    interruption.release()
  }
}

/** Why a server gave no answer, for the person at the client. */
function describe(error: unknown, url: string): string {
  if (error instanceof ServerProblem) return error.message
  // Where they decide is not for the model.
  if (error instanceof AgentError && error.code === 'consent_required')
    return `${new URL(url).host} needs your consent: ask again, and decide.`
  const failure = agentFailure(error, url)
  return failure instanceof Error ? failure.message : String(failure)
}
