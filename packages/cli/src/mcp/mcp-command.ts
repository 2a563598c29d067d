import { AgentError } from 'countersign/agent'
import type { AgentFolder } from '../agent-folder/agent-folder.js'
import { type AgentFlags, chooseAgent } from '../agent-folder/choose-agent.js'
import { exitStatus, usageError } from '../command/errors.js'
import { editionOf } from '../editions/agent-editions.js'
import { type NetworkFlags, readNetworkFlags, requireIdentifierFlag } from '../flags/network-flags.js'
import { agentFailure, openOwnAgent } from '../own-agent/open-own-agent.js'
import { openAgentPort } from '../own-agent/shared-callback-port.js'
import { catchInterruption } from '../terminal/interruption.js'
import { hasDisplay, openBrowser } from '../terminal/open-browser.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import { wrapText } from '../terminal/text.js'
import { type Bridge, createBridge } from './bridge/create-bridge.js'
import { createConsentDesk } from './consent/consent-desk.js'
import { createConsentAsker } from './consent/consent-prompter.js'
import { createOneConsent } from './consent/one-consent.js'
import { ServerProblem } from './messages/server-problem.js'
import { type ClientOutput, createClientOutput, readMessages, serializeMessage } from './messages/stdio.js'

/**
 * `countersign mcp <url>`: runs an MCP server on standard input and output that calls a protected server as the command line's own agent.
 */
export const mcpCommand: Run<McpFlags> = async (flags, terminal, address) => {
  const { url, authServers, patience, isUrlInAnswers, asksForAll, network } = readMcpFlags(address, flags)
  const folder = await chooseAgent(flags, terminal.env)
  const port = await openAgentPort(folder)
  try {
    const own = await openOwnAgent({ folder, authServers, targets: [url], network, consent: port.way })
    const ending = new AbortController()
    try {
      port.serve(own.agent.handler)
      const oneConsent = createOneConsent(own.agent.fetch)
      const desk = createConsentDesk({
        waitForConsent: (page, signal) => own.agent.waitForConsent(page, { signal }),
        onAllowed: () => bridge.allowed(),
        onDenied: () => oneConsent.stop(),
        ending: ending.signal,
      })
      const output = createClientOutput(terminal.output)
      const { host } = new URL(url)
      const show = (text: string, page: string) => {
        if (!hasDisplay(terminal.env) && !editionOf(folder).isPolled) terminal.notify(elsewhereHint(port.redirectUri))
        terminal.notify(text)
        openBrowser(port.createOneTimeLink(page), terminal.env).catch(() => undefined)
      }
      const bridge = createBridge({
        url,
        fetch: asksForAll ? oneConsent.fetch : own.agent.fetch,
        consent: createConsentAsker({ host, desk, patience, isUrlInAnswers, show }),
        tell: (message) => output.write(serializeMessage(message)),
        clientReads: output.read,
        describe: (error) => describe(error, url, folder),
        onProblem: terminal.notify,
      })
      await serve(bridge, terminal, output)
    } finally {
      ending.abort(new Error('the bridge is shutting down'))
      await own.close()
    }
  } finally {
    port.close()
  }
  return exitStatus.done
}

/** What to do if the browser is on another computer. */
function elsewhereHint(redirectUri: string): string {
  const { port } = new URL(redirectUri)
  const paste =
    'This computer has no browser. If you decide in one on another computer, the last page does not load there. This is expected: copy its address, and pass it in quotes to countersign agent tokens add on this computer.'
  const forward = 'Or forward a port over SSH: first run this on the computer with your browser:'
  return [wrapText('', paste), forward, `  ssh -N -L ${port}:127.0.0.1:${port} <this computer>`].join('\n')
}

/** Serves until the client closes its input, or a signal stops the command. */
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
    // A signal stopped the command during a read.
    if (!interruption.signal.aborted) throw error
  } finally {
    await bridge.close()
    interruption.release()
  }
}

/** Describes, for the user of the client, why the server did not respond. */
function describe(error: unknown, url: string, folder: AgentFolder): string {
  if (error instanceof ServerProblem) return error.message
  // The model must not see the URL of the page.
  if (error instanceof AgentError && error.code === 'consent_required')
    return `${new URL(url).host} needs your consent: try again, and decide.`
  const failure = agentFailure(error, url, folder)
  return failure instanceof Error ? failure.message : String(failure)
}

export interface McpFlags extends NetworkFlags, AgentFlags {
  authServer?: readonly string[]
  patience?: string
  urlInAnswers?: true
  askAll?: true
}

export interface McpSettings {
  url: string
  authServers: readonly string[]
  /** Seconds. */
  patience: number
  isUrlInAnswers: boolean
  /** Whether to ask for all of the server's permissions at once. */
  asksForAll: boolean
  network: ReturnType<typeof readNetworkFlags>
}

/** Shorter than the timeout of any known client. */
const defaultPatience = '20'

/** @throws CommandError for invalid flags */
export function readMcpFlags(address: string, flags: McpFlags): McpSettings {
  const { patience = defaultPatience } = flags
  if (!/^\d{1,5}(?:\.\d{1,3})?$/.test(patience))
    throw usageError('--patience must be a number of seconds below 100000, such as 20.')
  return {
    url: requireServer(address),
    authServers: (flags.authServer ?? []).map((id) => requireIdentifierFlag('--auth-server', id, 'allowed')),
    patience: Number(patience),
    isUrlInAnswers: flags.urlInAnswers === true,
    asksForAll: flags.askAll === true,
    network: readNetworkFlags(flags),
  }
}

function requireServer(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url && ['https:', 'http:'].includes(url.protocol) && url.hash === '' && url.username === '') return url.href
  throw usageError(
    'Pass the http or https URL of an MCP server, without a username or fragment, such as https://api.example/mcp',
  )
}
