import { createHash } from 'node:crypto'
import type { ConsentWay, OpenConsent } from 'countersign/agent'
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
  const answer = async (request: Request) => (await serving)(request)
  const secret = portSecret(keys)
  const port = await openCallbackPort({
    answer,
    secret,
    ports: Array.from({ length: mostPorts }, (_, offset) => first + offset),
  })
  const { leadTo } = port
  const others = new Set<CallbackPort>()

  /** The port of a pending consent that a process with another port started, unless another program has it now. */
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
    leadTo,
    close() {
      for (const each of [port, ...others]) each.close()
    },
    serve,
    way: {
      canAsk: false,
      redirectUri: portableRedirect,
      async open(_answer, { redirectUri }) {
        await port.prove()
        const isOther = redirectUri !== undefined && redirectUri !== port.redirectUri
        return (isOther ? await openOther(redirectUri) : undefined) ?? openOn(port, () => undefined)
      },
    },
  }
}

/** A way that leads to where the port is now: the page is shown by the callers of the agent. */
function openOn(port: CallbackPort, close: () => void): OpenConsent {
  return {
    get redirectUri() {
      return port.redirectUri
    },
    ask: () => undefined,
    close,
  }
}

/** What the processes of an agent prove to each other by, whichever command they run. */
export function portSecret({ signing }: AgentFolder['keys']): string {
  return JSON.stringify(signing)
}

/** A port for private use (RFC 6335 §6) that Linux gives to no connection; always the same for one agent. */
function firstPort(folder: string): number {
  return 61_000 + (createHash('sha256').update(folder).digest().readUInt16BE() % 4500)
}
