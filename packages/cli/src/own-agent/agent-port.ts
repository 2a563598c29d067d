import { createHash } from 'node:crypto'
import type { ConsentWay } from 'countersign/agent'
import { type CallbackPort, openCallbackPort } from 'countersign/node'
import { type AgentFolder, portableRedirect } from '../agent-folder/agent-folder.js'

type Handler = (request: Request) => Promise<Response>

/** The callback port that all processes of an agent share, which is the same each time. */
export interface AgentPort extends Pick<CallbackPort, 'redirectUri' | 'leadTo' | 'close'> {
  /** For an agent whose callers show the page: the callback arrives at the port. */
  way: ConsentWay
  /** Serves the agent's callback from now on, as soon as this process has the port; requests before that wait. */
  serve: (handler: Handler) => void
}

/** Ports that are tried, if other programs have the first ones. */
const mostPorts = 10

/** Opens the port of an agent, or finds the process of the agent that has it. */
export async function openAgentPort({ path, keys }: Pick<AgentFolder, 'path' | 'keys'>): Promise<AgentPort> {
  let serve: (handler: Handler) => void = () => undefined
  const serving = new Promise<Handler>((resolve) => {
    serve = resolve
  })
  const first = firstPort(path)
  const port = await openCallbackPort({
    answer: async (request) => (await serving)(request),
    secret: JSON.stringify(keys.signing),
    ports: Array.from({ length: mostPorts }, (_, offset) => first + offset),
  })
  const { redirectUri, leadTo, close } = port
  const opened = { redirectUri, ask: () => undefined, close: () => undefined }
  return {
    redirectUri,
    leadTo,
    close,
    serve,
    way: { canAsk: false, redirectUri: portableRedirect, open: () => opened },
  }
}

/** A port for private use (RFC 6335 §6) that Linux gives to no connection; always the same for one agent. */
function firstPort(folder: string): number {
  return 61_000 + (createHash('sha256').update(folder).digest().readUInt16BE() % 4500)
}
