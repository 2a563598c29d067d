import { createSigner, type FetchDocument } from 'countersign'
import { type Agent, AgentError, type ConsentPrompt, createAgent } from 'countersign/agent'
import { causeMessages, documentResponse, isLoopbackIdentifier, type NetworkOptions } from 'countersign/discovery'
import { createGuardedFetch, fileStore } from 'countersign/node'
import { type AgentDocument, type AgentFolder, agentDocuments } from '../agent-folder/agent-folder.js'
import { CommandError, errorCode, exitStatus, usageError } from '../command/errors.js'
import { editionOf, portableRedirect, requireAllowed } from '../editions/agent-editions.js'
import { addressHint } from '../network/fetch-problems.js'
import { listen, type OpenPort } from '../network/listen.js'
import { lookAt } from './check-publication.js'
import { openDevice } from './device.js'

export interface OwnAgentOptions {
  folder: AgentFolder
  /** Auth servers to which users may be sent, in addition to those in the folder. */
  authServers?: readonly string[]
  /** URLs that will be requested. Loopback `http` is allowed if any of them uses it. */
  targets?: readonly string[]
  /** How users are prompted for consent; undefined to never prompt. */
  consent?: ConsentPrompt | undefined
  /** How long to wait for the user, in seconds. */
  consentTimeout?: number | undefined
  /** Creates the response to a callback; replaces the default page. */
  callbackResponse?: Parameters<typeof createAgent>[0]['callbackResponse']
  /** Sends requests. @default the platform's fetch */
  fetch?: typeof globalThis.fetch | undefined
  network?: NetworkOptions
  /** Accepts peers that use an older form of the protocol. */
  interop?: boolean | undefined
  /** Whether only the agent's own files are used. Nothing is published in that case, so no port is needed. @default false */
  isLocal?: boolean
}

/** The command line's own agent, ready to send requests. */
export interface OwnAgent {
  agent: Agent
  /** Releases everything that was opened for the agent. */
  close(): Promise<void>
}

/**
 * Opens the agent of a folder, with its stored tokens. A loopback agent has no host that publishes its documents, so they are served while
 * the agent is open.
 *
 * @throws CommandError like {@link publishHere}
 */
export async function openOwnAgent(options: OwnAgentOptions): Promise<OwnAgent> {
  const { folder, authServers = [], targets = [], consent, network, interop, isLocal = false, ...given } = options
  const { id, name, keys, storePath, device } = folder
  if (device && authServers.length > 0)
    throw usageError(`--auth-server is not for a personal agent: APIs accept it only through ${id}.`)
  const accepted = [...new Set([...folder.authServers, ...authServers])]
  requireAllowed({ ...folder, authServers: accepted })
  const { edition } = editionOf(folder)
  if (interop && edition) throw usageError(`--interop is for January 2026: this agent speaks ${edition.name}.`)
  const known = [id, ...accepted, ...targets]
  const allowInsecureLoopback = known.some((url) => isLoopbackIdentifier(new URL(url).origin))
  const allowPath = [id, ...accepted].some((url) => new URL(url).pathname !== '/')
  const signer = await createSigner(keys.signing)
  const agent = createAgent({
    ...given,
    edition,
    id,
    signer,
    agentToken:
      device && openDevice(folder, { id, signer, fetch: given.fetch, allowInsecureLoopback, allowPath }).agentToken,
    authServers: accepted,
    about: name === undefined ? undefined : { name },
    // Without a way to prompt the user, the browser is redirected to a port on which nothing listens.
    ...(consent ? { consent } : { redirectUri: portableRedirect }),
    store: fileStore(storePath),
    fetchDocument: fetchDocuments(accepted, { ...network, allowInsecureLoopback }),
    interop: interop ? { signatureEncoding: 'base64url', nonce: 'never', stateOptional: accepted } : {},
    allowInsecureLoopback,
    allowPath,
  })
  if (isLocal || device || !isLoopbackIdentifier(id)) return { agent, close: async () => undefined }
  const publication = await publishHere(folder)
  return { agent, close: () => publication.close() }
}

/**
 * Fetches documents for an agent: from public addresses and allowed networks, and from the given auth servers at any address (W28). The
 * agent's own requests use a different fetch function.
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

/** Interval between attempts to take over from a command that exited, in milliseconds. */
const takeover = 250

/**
 * Serves a loopback agent's documents until it is closed. If another command of the same agent already serves them, this command takes over
 * when the other one exits.
 *
 * @throws CommandError if another program is using the port, or a command that was started before the agent was changed
 */
async function publishHere(agent: AgentFolder): Promise<Pick<OpenPort, 'close'>> {
  const documents = await agentDocuments(agent)
  const needed = `${agent.id} is reachable only while this command is running`
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
    const who = isNamed ? 'a command that was started before the agent was changed' : 'another program'
    throw new CommandError(`${needed}, but ${who} is using its port: stop that program.`, { cause: error })
  }
}

/** Tries repeatedly to open a port that another command has open. */
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
  auth_server_unreachable: exitStatus.network,
  agent_server_unreachable: exitStatus.network,
}

type FailedAgent = Partial<Pick<AgentFolder, 'edition' | 'device'>>

/**
 * Converts the failure of an agent's request to an error that has a sentence for the user and the matching exit status.
 *
 * @param agent the agent that sent the request. @default an own agent of January 2026
 */
export function agentFailure(error: unknown, url: string, agent: FailedAgent = {}): unknown {
  if (error instanceof AgentError) {
    const exitCode = statuses[error.code] ?? exitStatus.refused
    return new CommandError(sentenceOf(error, new URL(url).host, agent), { exitCode, cause: error })
  }
  if (!(error instanceof TypeError)) return error
  const reasons = causeMessages(error)
  const why = reasons.at(-1) ?? error.message
  if (!isNetworkFailure(error)) return usageError(`The request to ${url} cannot be sent: ${why}.`, error)
  const message = `${new URL(url).host} did not respond: ${why}.`
  return new CommandError(message, { exitCode: exitStatus.network, cause: error })
}

/** Whether a request failed at the network level. Only then does the cause given by the platform's fetch have a code. */
function isNetworkFailure({ cause }: TypeError): boolean {
  return cause instanceof Error && 'code' in cause
}

function sentenceOf(error: AgentError, host: string, { edition, device }: FailedAgent): string {
  const { code, message, consent, authServer, retryAfter } = error
  const hint = addressHint(error)
  const said = hint === undefined ? message : `${message} ${hint}`
  if (authServer !== undefined && device)
    return `${host} sends users to ${authServer} to decide. If you have an account there, run countersign login ${authServer}, and add --as ${authServer} to this command.`
  if (authServer !== undefined)
    return `${host} sends users to ${authServer} to decide. If you trust that server with your password, add --auth-server ${authServer}`
  if (code === 'consent_required') {
    const rest = editionOf({ edition }).isPolled
      ? 'run this command again'
      : 'pass the browser’s final URL, in quotes, to “countersign agent tokens add” (with the same --home and --as, if you set them)'
    return `${said} Run this command in a terminal, or open the page, allow the request, and ${rest}:\n${consent?.url}`
  }
  if (code === 'consent_expired') return `${said} For a link that works, run this command again.`
  if (code === 'other_user') return `${said} To do that, run: countersign agent tokens forget --all`
  return retryAfter === undefined ? said : `${said} Try again in ${retryAfter} s.`
}
