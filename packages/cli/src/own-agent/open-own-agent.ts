import { createSigner } from 'countersign'
import { type Agent, type ConsentWay, createAgent } from 'countersign/agent'
import { fileStore } from 'countersign/node'
import { isLoopbackIdentifier, type NetworkOptions } from 'countersign/wire'
import { portableRedirect } from '../agent-folder/agent-documents.js'
import type { AgentFolder } from '../agent-folder/agent-folder.js'
import { fetchDocuments } from './fetch-documents.js'
import { publishHere } from './publish-here.js'

export interface OwnAgentOptions {
  folder: AgentFolder
  /** Auth servers that people may be sent to, besides those of the folder. */
  authServers?: readonly string[]
  /** What will be asked: `http` on this machine is allowed where one of them is that. */
  targets?: readonly string[]
  /** How the person is asked; absent: they are not. */
  consent?: ConsentWay | undefined
  /** Where people come back to who were not asked here. @default that of every port, where nothing listens */
  redirectUri?: string
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
  const {
    folder,
    authServers = [],
    targets = [],
    consent,
    redirectUri = portableRedirect,
    network,
    interop,
    ...given
  } = options
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
    ...(consent ? { consent } : { redirectUri }),
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
