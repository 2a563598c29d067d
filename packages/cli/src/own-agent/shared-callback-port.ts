import { createHash } from 'node:crypto'
import type { ConsentPrompt, OpenConsent } from 'countersign/agent'
import { type CallbackPort, openCallbackPort } from 'countersign/node'
import type { AgentFolder } from '../agent-folder/agent-folder.js'
import { portableRedirect } from '../editions/agent-editions.js'

type Handler = (request: Request) => Promise<Response>

/** The callback port that all processes of an agent share. It is the same on each run. */
export interface AgentPort extends Pick<CallbackPort, 'redirectUri' | 'createOneTimeLink' | 'close'> {
  /** The way of prompting for consent that is used if the agent's callers show the page. The callback arrives at this port. */
  way: ConsentPrompt
  /** Starts serving the agent's callback once this process has the port; requests that arrive earlier wait. */
  serve: (handler: Handler) => void
}

/** Number of ports to try if other programs are using the first ones. */
const mostPorts = 10

/** Opens an agent's port, or finds the process of the same agent that already has the port open. */
export async function openAgentPort({ path, keys }: Pick<AgentFolder, 'path' | 'keys'>): Promise<AgentPort> {
  let serve: (handler: Handler) => void = () => undefined
  const serving = new Promise<Handler>((resolve) => {
    serve = resolve
  })
  const first = firstPort(path)
  const answer = async (request: Request) => (await serving)(request)
  const secret = portSecret(keys)
  const port = await openCallbackPort({
    answer,
    secret,
    ports: Array.from({ length: mostPorts }, (_, offset) => first + offset),
  })
  const { createOneTimeLink } = port
  const others = new Set<CallbackPort>()

  /** Opens the port of a pending consent that was started by a process on another port, unless another program is using that port now. */
  async function openOther(redirectUri: string): Promise<OpenConsent | undefined> {
    const other = await openCallbackPort({ answer, secret, ports: [Number(new URL(redirectUri).port)] })
    others.add(other)
    const close = () => {
      others.delete(other)
      other.close()
    }
    if (other.redirectUri === redirectUri) return openOn(other, close)
    close()
    return undefined
  }

  return {
    get redirectUri() {
      return port.redirectUri
    },
    createOneTimeLink,
    close() {
      for (const each of [port, ...others]) each.close()
    },
    serve,
    way: {
      canPrompt: false,
      redirectUri: portableRedirect,
      async open(_answer, { redirectUri }) {
        await port.prove()
        const isOther = redirectUri !== undefined && redirectUri !== port.redirectUri
        return (isOther ? await openOther(redirectUri) : undefined) ?? openOn(port, () => undefined)
      },
    },
  }
}

/** Returns a way of prompting for consent that redirects to the current port. The agent's callers show the page. */
function openOn(port: CallbackPort, close: () => void): OpenConsent {
  return {
    get redirectUri() {
      return port.redirectUri
    },
    ask: () => undefined,
    close,
  }
}

/** The secret by which an agent's processes recognize each other, regardless of the command that they run. */
export function portSecret({ signing }: AgentFolder['keys']): string {
  return JSON.stringify(signing)
}

/** Returns a private-use port (RFC 6335 §6) outside of Linux's ephemeral range. It is always the same for a given agent. */
function firstPort(folder: string): number {
  return 61_000 + (createHash('sha256').update(folder).digest().readUInt16BE() % 4500)
}
