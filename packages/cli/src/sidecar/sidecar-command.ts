import type { Server } from 'node:http'
import { loopbackConsent } from 'countersign/node'
import type { AgentFolder } from '../agent-folder/agent-folder.js'
import { chooseAgent } from '../agent-folder/choose-agent.js'
import { exitStatus } from '../command/errors.js'
import { type OwnAgent, type OwnAgentOptions, openOwnAgent } from '../own-agent/open-own-agent.js'
import { openAgentPort, portSecret } from '../own-agent/shared-callback-port.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import { wrapText } from '../terminal/text.js'
import { createSidecar } from './create-sidecar.js'
import { createEndableWay, promptByCommand } from './request-consent.js'
import {
  listenForPrograms,
  readSecret,
  readSidecarFlags,
  type SidecarFlags,
  type SidecarSettings,
} from './sidecar-flags.js'

/** How long pending responses may still take on shutdown, in milliseconds. */
const grace = 30_000

/** `countersign sidecar`: signs plain HTTP requests from local programs in any language, and sends them. */
export const sidecarCommand: Run<SidecarFlags> = async (flags, terminal) => {
  const settings = readSidecarFlags(flags, terminal.env)
  const { at, hosts } = settings
  const folder = await chooseAgent(flags, terminal.env)
  const secret = 'secretFile' in at ? await readSecret(at.secretFile) : undefined
  const ownHosts = new Set<string>()
  const ending = new AbortController()
  let own: AskingAgent | undefined
  function ready(): OwnAgent['agent'] {
    if (!own) throw new Error('the sidecar is still starting')
    return own.agent
  }
  const server = createSidecar({
    hosts,
    secret,
    ownHosts: 'socket' in at ? undefined : ownHosts,
    fetch: async (input, init) => ready().fetch(input, init),
    signedHeaders: async (url, init) => ready().signedHeaders(url, init),
    onProblem: terminal.notify,
    ending: ending.signal,
  })
  try {
    const port = await listenForPrograms(server, at)
    if (port !== undefined) for (const host of ['127.0.0.1', 'localhost']) ownHosts.add(`${host}:${port}`)
    own = await openAgent(folder, { flags, settings, terminal })
    // Whoever reads the address may stop the sidecar.
    const isStopped = stopped(terminal)
    tellWhere(terminal, at, port)
    await isStopped
    own.stopAsking()
    ending.abort(new Error('the sidecar is shutting down'))
    await drain(server)
    return exitStatus.done
  } finally {
    ending.abort()
    server.closeAllConnections()
    server.close()
    await own?.close()
  }
}

interface AskingAgent extends OwnAgent {
  /** Makes requests that are waiting for the user fail with the URL of the page. */
  stopAsking(): void
}

/** Opens the agent. Users are prompted in the terminal, by a command, or not at all; if not at all, programs get the URL of the page. */
async function openAgent(
  folder: AgentFolder,
  { flags, settings, terminal }: { flags: SidecarFlags; settings: SidecarSettings; terminal: Terminal },
): Promise<AskingAgent> {
  const { authServers, network, hosts } = settings
  const targets = [...hosts]
    .filter((host) => /^(?:127\.0\.0\.1|\[::1\]|localhost):/.test(host))
    .map((host) => `http://${host}`)
  const shared: OwnAgentOptions = { folder, authServers, network, targets, interop: flags.interop }
  const { onConsent } = flags
  const way = loopbackConsent({
    ...terminal.asking,
    env: terminal.env,
    countdown: false,
    secret: portSecret(folder.keys),
    onConsent: onConsent === undefined ? undefined : (consent) => promptByCommand(onConsent, consent, terminal.env),
  })
  if (flags.consent && way.canPrompt) {
    const consent = createEndableWay(way)
    return { ...(await openOwnAgent({ ...shared, consent })), stopAsking: () => consent.end() }
  }
  // Programs get the URL of the page in the response.
  const port = await openAgentPort(folder)
  try {
    const own = await openOwnAgent({ ...shared, consent: port.way })
    port.serve(own.agent.handler)
    const close = async () => {
      port.close()
      await own.close()
    }
    return { agent: own.agent, close, stopAsking: () => undefined }
  } catch (error) {
    port.close()
    throw error
  }
}

function tellWhere({ write, notify }: Terminal, at: SidecarSettings['at'], port: number | undefined): void {
  if ('socket' in at) {
    write(`${at.socket}\n`)
    return
  }
  write(`http://127.0.0.1:${port}\n`)
  notify(wrapText('', `Programs must send the secret in ${at.secretFile} as a password. Press Ctrl-C to stop.`))
}

function stopped({ onStop }: Terminal): Promise<void> {
  return new Promise((resolve) => {
    const stopListening = onStop(() => {
      // A second signal ends the program at once.
      stopListening()
      resolve()
    })
  })
}

/** Stops accepting connections, and waits for pending responses. */
function drain(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(() => server.closeAllConnections(), grace)
    const idle = setInterval(() => server.closeIdleConnections(), 50)
    server.close(() => {
      clearTimeout(late)
      clearInterval(idle)
      resolve()
    })
  })
}
