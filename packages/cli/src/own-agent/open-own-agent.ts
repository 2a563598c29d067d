import { createSigner, type FetchDocument } from 'countersign'
import { type Agent, AgentError, type ConsentWay, createAgent } from 'countersign/agent'
import { documentResponse, errorReasons, isLoopbackIdentifier, type NetworkOptions } from 'countersign/discovery'
import { createGuardedFetch, fileStore } from 'countersign/node'
import { type AgentDocument, type AgentFolder, agentDocuments, portableRedirect } from '../agent-folder/agent-folder.js'
import { CommandError, errorCode, exitStatus } from '../command/errors.js'
import { addressHint } from '../network/fetch-problems.js'
import { listen, type OpenPort } from '../network/listen.js'
import { lookAt } from './look.js'

export interface OwnAgentOptions {
  folder: AgentFolder
  /** Auth servers that people may be sent to, besides those of the folder. */
  authServers?: readonly string[]
  /** What will be asked: `http` on this machine is allowed where one of them is that. */
  targets?: readonly string[]
  /** How the person is asked; absent: they are not. */
  consent?: ConsentWay | undefined
  /** Seconds to wait for the person. */
  consentTimeout?: number | undefined
  /** Answers a callback in place of a page. */
  callbackResponse?: Parameters<typeof createAgent>[0]['callbackResponse']
  /** Sends requests. @default that of the platform */
  fetch?: typeof globalThis.fetch | undefined
  network?: NetworkOptions
  /** Gets along with peers that speak an older form of the protocol. */
  interop?: boolean | undefined
}

/** The command line's own agent, ready to ask. */
export interface OwnAgent {
  agent: Agent
  /** Ends what was opened for it. */
  close(): Promise<void>
}

/**
 * Opens the agent of a folder, with the tokens that it has. One of this machine, for trying, has nobody else who publishes it:
 * its documents are served as long as it is open.
 *
 * @throws CommandError as {@link publishHere}
 */
export async function openOwnAgent(options: OwnAgentOptions): Promise<OwnAgent> {
  const { folder, authServers = [], targets = [], consent, network, interop, ...given } = options
  const { id, name, keys, storePath } = folder
  const accepted = [...new Set([...folder.authServers, ...authServers])]
  const known = [id, ...accepted, ...targets]
  const allowInsecureLoopback = known.some((url) => isLoopbackIdentifier(new URL(url).origin))
  const agent = createAgent({
    ...given,
    id,
    signer: await createSigner(keys.signing),
    authServers: accepted,
    about: name === undefined ? undefined : { name },
    // Without a way to the user the browser comes back to a port where nothing listens.
    ...(consent ? { consent } : { redirectUri: portableRedirect }),
    store: fileStore(storePath),
    fetchDocument: fetchDocuments(accepted, { ...network, allowInsecureLoopback }),
    interop: interop ? { signatureEncoding: 'base64url', nonce: 'never', stateOptional: accepted } : {},
    allowInsecureLoopback,
    allowPath: [id, ...accepted].some((url) => new URL(url).pathname !== '/'),
  })
  if (!isLoopbackIdentifier(id)) return { agent, close: async () => undefined }
  const publication = await publishHere(folder)
  return { agent, close: () => publication.close() }
}

/**
 * Fetches documents for an agent whose own requests go another way: from public addresses and allowed networks, and from the
 * auth servers that were given, wherever these are (W28).
 */
function fetchDocuments(
  authServers: readonly string[],
  options: NetworkOptions & { allowInsecureLoopback: boolean },
): FetchDocument {
  const stranger = createGuardedFetch(options)
  const known = new Map(
    authServers.map((id) => {
      const { origin } = new URL(id)
      return [origin, createGuardedFetch({ ...options, configuredOrigin: origin })]
    }),
  )
  return (url, init) => (known.get(new URL(url).origin) ?? stranger)(url, init)
}

/** Milliseconds between two tries to take over from a command that ended. */
const takeover = 250

/**
 * Publishes the documents of an agent of this machine, which nobody else does, until it is closed. Where another command of the agent
 * publishes them already, they are left to it, and taken over when it ends.
 *
 * @throws CommandError where another program has the port, or a command from before the agent was changed
 */
async function publishHere(agent: AgentFolder): Promise<Pick<OpenPort, 'close'>> {
  const documents = await agentDocuments(agent)
  const needed = `${agent.id} is only there while this command runs`
  async function open(): Promise<OpenPort> {
    const { origin, port } = new URL(agent.id)
    const opened = await listen(Number(port), needed)
    opened.serve(async (request) => answer(request, documents), origin)
    return opened
  }
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof CommandError) || errorCode(error.cause) !== 'EADDRINUSE') throw error
    const { outcome, isNamed } = await lookAt(agent, {}, () => undefined)
    if (outcome === 'up') return takeOver(open)
    const who = isNamed ? 'a command from before the agent was changed' : 'another program'
    throw new CommandError(`${needed}, and ${who} has its port: end that one.`, { cause: error })
  }
}

/** Tries again and again to open what another command has open. */
function takeOver(open: () => Promise<OpenPort>): Pick<OpenPort, 'close'> {
  let port: OpenPort | undefined
  let trying: Promise<void> | undefined
  const again = setInterval(() => {
    trying ??= open().then(
      (opened) => {
        clearInterval(again)
        port = opened
      },
      () => {
        trying = undefined
      },
    )
  }, takeover).unref()
  return {
    async close() {
      clearInterval(again)
      await trying
      await port?.close()
    },
  }
}

function answer(request: Request, documents: readonly AgentDocument[]): Response {
  const { pathname } = new URL(request.url)
  const asked = documents.find(({ url }) => new URL(url).pathname === pathname)
  return asked ? documentResponse(asked.document) : new Response('No such document.\n', { status: 404 })
}

const statuses: Partial<Record<AgentError['code'], number>> = {
  access_denied: exitStatus.denied,
  consent_expired: exitStatus.expired,
  consent_required: exitStatus.consentNeeded,
  auth_server_unknown: exitStatus.network,
}

/** Why a request of the command line's agent was not answered, in a sentence for who typed it, with the exit status that says so. */
export function agentFailure(error: unknown, url: string): unknown {
  if (error instanceof AgentError) {
    const exitCode = statuses[error.code] ?? exitStatus.refused
    return new CommandError(sentenceOf(error, new URL(url).host), { exitCode, cause: error })
  }
  if (!(error instanceof TypeError)) return error
  const reasons = errorReasons(error)
  const why = reasons.at(-1) ?? error.message
  // The platform's fetch says why as the cause; what has none is about the request itself.
  if (error.cause === undefined) return new CommandError(`It cannot be sent: ${why}.`, { cause: error })
  const message = `${new URL(url).host} did not answer: ${why}.`
  return new CommandError(message, { exitCode: exitStatus.network, cause: error })
}

function sentenceOf(error: AgentError, host: string): string {
  const { code, message, url, authServer, retryAfter } = error
  const hint = addressHint(error)
  const said = hint === undefined ? message : `${message} ${hint}`
  if (authServer !== undefined)
    return `${host} sends people to ${authServer} to decide. If you would type your password there, add --auth-server ${authServer}`
  if (code === 'consent_required')
    return `${said} Run this in a terminal, or open the page, allow it, and give the address where the browser ends to “countersign tokens add”:\n${url}`
  return retryAfter === undefined ? said : `${said} Try again in ${retryAfter} s.`
}
