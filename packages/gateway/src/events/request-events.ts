import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RequestEvent } from 'countersign'
import { asPlainText, type Tell } from 'countersign/wire'

/** What is told of one request when it is over. */
export interface Followed {
  /** Undefined where nobody listens. */
  readonly tell: Tell | undefined
  /** Whether the client left before it was answered. */
  readonly departure: Departure
  /** What is asked for. */
  asked: { method: string | undefined; rawTarget: string }
  /** The name of its route. */
  route: string
  /** `ok`, or the code of what went wrong; undefined: the status says all that is known. */
  outcome: string | undefined
  /** The status of a refusal, where a proxy is answered another one that it understands. */
  realStatus: number | undefined
  /** Who asks, once that is verified. */
  asker: Asker
  /** What an MCP server is asked, once that may be. */
  askedMcp: AskedMcp
  /** Tells now that it is over. @param status of an answer that was not sent by way of `outgoing` */
  end(status?: number): void
}

/** Where no route of the table is. */
const otherRoute = 'other'

/** Follows a request until it is answered, or its client is gone. */
export function followExchange(
  tell: Tell | undefined,
  { method, url = '' }: IncomingMessage,
  outgoing: ServerResponse,
  upgraded?: Duplex,
): Followed {
  const began = performance.now()
  let isTold = false
  const followed: Followed = {
    tell,
    departure: new Departure(outgoing, upgraded),
    asked: { method, rawTarget: url },
    route: otherRoute,
    outcome: undefined,
    realStatus: undefined,
    asker: {},
    askedMcp: {},
    end,
  }
  if (tell) {
    outgoing.once('finish', () => end())
    outgoing.once('close', () => end())
  }
  function end(status?: number): void {
    if (!tell || isTold) return
    isTold = true
    const { statusCode, headersSent, writableFinished } = outgoing
    const isWhole = status !== undefined || writableFinished
    const { route, outcome = 'ok' } = followed
    tell({
      kind: 'request',
      route,
      outcome: outcome === 'ok' ? plainOutcome(isWhole, statusCode, followed.outcome) : outcome,
      status: status ?? (headersSent ? (followed.realStatus ?? statusCode) : undefined),
      method: followed.asked.method,
      path: followed.asked.rawTarget.split('?', 1)[0]?.slice(0, 256),
      ...followed.asker,
      ...followed.askedMcp,
      duration: (performance.now() - began) / 1000,
    })
  }
  return followed
}

/** @param passed `ok` where the answer is that of the API */
function plainOutcome(isWhole: boolean, status: number, passed: string | undefined): string {
  if (!isWhole) return 'aborted'
  if (passed !== undefined || status < 400) return 'ok'
  return status >= 500 ? 'bug' : 'refused'
}

/**
 * Whether a client went before it was answered. An abort signal for each request would take as long as finding its route.
 *
 * This is a class since a getter of an object literal makes a hidden class for each object, which holds what the getter sees until
 * all of the heap is collected.
 */
export class Departure {
  #isGone = false
  #tell: (() => void) | undefined

  /** @param upgraded the client's connection, where it is to become one of another protocol */
  constructor(outgoing: ServerResponse, upgraded?: Duplex) {
    outgoing.once('close', () => outgoing.writableFinished || this.#leave())
    upgraded?.once('close', () => this.#leave())
  }

  get isGone(): boolean {
    return this.#isGone
  }

  /** Calls back when it goes, in place of whom was to be called before. */
  onGone(callback: () => void): void {
    this.#tell = callback
  }

  #leave(): void {
    this.#isGone = true
    this.#tell?.()
  }
}

/** Who asks, as the log may name them: never the person, whom the log of the auth server does not name either. */
type Asker = Pick<RequestEvent, 'agent' | 'delegate' | 'thumbprint'>

/** Names who asks: an agent and its delegate, or a key that proves no agent. */
export function askerOf({ agent, delegate, thumbprint }: Asker): Asker {
  if (agent === undefined) return { thumbprint }
  return { agent: asPlainText(agent), ...(delegate === undefined ? {} : { delegate: asPlainText(delegate) }) }
}

/** What is asked of an MCP server. */
type AskedMcp = Pick<RequestEvent, 'mcpMethod' | 'mcpName'>

/** Methods whose `name` is that of a tool or prompt. */
const named: ReadonlySet<string> = new Set(['tools/call', 'prompts/get'])

/** Names what a message asks for; nothing for an answer, or where there is none. */
export function askedMcpOf(message: unknown): AskedMcp {
  const { method, params } = (message ?? {}) as { method?: unknown; params?: { name?: unknown } }
  if (typeof method !== 'string') return {}
  const name = named.has(method) ? params?.name : undefined
  return { mcpMethod: asPlainText(method), ...(typeof name === 'string' ? { mcpName: asPlainText(name) } : {}) }
}
