import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RequestEvent, UpstreamEvent } from 'countersign'
import { asPlainText, describeRefusal } from 'countersign/editions'
import type { Tell } from 'countersign/node'
import { AAuthError, type OnEvent, type Resource, type VerifiedRequest } from 'countersign/resource'

/** A request, with what its `request` event will contain. */
export interface TrackedRequest {
  /** Emits an event. Undefined if there is no listener. */
  readonly tell: Tell | undefined
  readonly disconnect: ClientDisconnect
  request: { method: string | undefined; rawTarget: string }
  /** The name of its route. */
  route: string
  /** `ok`, or the code of an error. If undefined, the status decides. */
  outcome: string | undefined
  /** The status of a refusal, if a proxy gets another status that it understands. */
  realStatus: number | undefined
  /** Set once the caller is verified. */
  caller: Caller
  /** Set once a call to an MCP server is accepted. */
  mcpCall: McpCall
  /** Emits the event now. @param status of a response that was not sent through `outgoing` */
  end(status?: number): void
}

/** The route of a request that is for none. */
const otherRoute = 'other'

/** Tracks a request until its response is sent, or its client disconnects. @param upgraded the connection of an upgrade request */
export function trackRequest(
  tell: Tell | undefined,
  { method, url = '' }: IncomingMessage,
  outgoing: ServerResponse,
  upgraded?: Duplex,
): TrackedRequest {
  const began = performance.now()
  let isEmitted = false
  const tracked: TrackedRequest = {
    tell,
    disconnect: new ClientDisconnect(outgoing, upgraded),
    request: { method, rawTarget: url },
    route: otherRoute,
    outcome: undefined,
    realStatus: undefined,
    caller: {},
    mcpCall: {},
    end,
  }
  if (tell) {
    outgoing.once('finish', () => end())
    outgoing.once('close', () => end())
  }
  function end(status?: number): void {
    if (!tell || isEmitted) return
    isEmitted = true
    const { statusCode, headersSent, writableFinished } = outgoing
    const isWhole = status !== undefined || writableFinished
    const { route, outcome = 'ok', request } = tracked
    tell({
      kind: 'request',
      route,
      outcome: outcome === 'ok' ? plainOutcome(isWhole, statusCode, tracked.outcome) : outcome,
      status: status ?? (headersSent ? (tracked.realStatus ?? statusCode) : undefined),
      method: request.method,
      path: request.rawTarget.split('?', 1)[0]?.slice(0, 256),
      ...tracked.caller,
      ...tracked.mcpCall,
      duration: (performance.now() - began) / 1000,
    })
  }
  return tracked
}

/** @param passed `ok` if the response is that of the API */
function plainOutcome(isWhole: boolean, status: number, passed: string | undefined): string {
  if (!isWhole) return 'aborted'
  if (passed !== undefined || status < 400) return 'ok'
  return status >= 500 ? 'bug' : 'refused'
}

/**
 * Whether a client has disconnected before its response was sent. An abort signal for each request would cost as much as finding its
 * route.
 *
 * This is a class since a getter of an object literal makes a hidden class for each object, which keeps what the getter refers to until a
 * full garbage collection.
 */
export class ClientDisconnect {
  #hasHappened = false
  #callback: (() => void) | undefined

  /** @param upgraded the connection of an upgrade request */
  constructor(outgoing: ServerResponse, upgraded?: Duplex) {
    outgoing.once('close', () => outgoing.writableFinished || this.#disconnect())
    upgraded?.once('close', () => this.#disconnect())
  }

  get hasHappened(): boolean {
    return this.#hasHappened
  }

  /** Sets the callback; replaces an earlier one. */
  onDisconnect(callback: () => void): void {
    this.#callback = callback
  }

  #disconnect(): void {
    this.#hasHappened = true
    this.#callback?.()
  }
}

/** The caller as the log may name it: never the user, whom the log of the auth server does not name either. */
type Caller = Pick<RequestEvent, 'agent' | 'delegate' | 'thumbprint'>

/** Names a caller: an agent and its delegate, or a key that proves no agent. */
export function callerOf({ agent, delegate, thumbprint }: Caller): Caller {
  if (agent === undefined) return { thumbprint }
  return { agent: asPlainText(agent), ...(delegate === undefined ? {} : { delegate: asPlainText(delegate) }) }
}

/** A call to an MCP server. */
type McpCall = Pick<RequestEvent, 'mcpMethod' | 'mcpName'>

/** Methods whose `name` is that of a tool or prompt. */
const named: ReadonlySet<string> = new Set(['tools/call', 'prompts/get'])

/** Names the call of a message; empty for a response, or without a message. */
export function mcpCallOf(message: unknown): McpCall {
  const { method, params } = (message ?? {}) as { method?: unknown; params?: { name?: unknown } }
  if (typeof method !== 'string') return {}
  const name = named.has(method) ? params?.name : undefined
  return { mcpMethod: asPlainText(method), ...(typeof name === 'string' ? { mcpName: asPlainText(name) } : {}) }
}

/**
 * Sets the outcome of a refused request, and emits a `refusal` event with the reason that the response hides. No such event follows for
 * an error that the resource has already emitted, or for a failed request to the API, which has an event for that.
 */
export function reportRefusal(tracked: TrackedRequest, error: unknown, verified?: VerifiedRequest): void {
  tracked.outcome = error instanceof AAuthError ? error.code : 'bug'
  if (!tracked.tell || !(error instanceof AAuthError) || error instanceof UpstreamFailure || isEmitted(error)) return
  const who = verified ? { agent: verified.agent, delegate: verified.delegate } : {}
  tracked.tell({ kind: 'refusal', ...describeRefusal(error, error, who) })
}

/**
 * A resource whose error responses keep their error, for {@link errorOf}, and that marks the errors which it has emitted itself.
 *
 * @param onEvent The listener of the gateway, which may also be that of the resource
 */
export function observeResource(resource: Resource, onEvent: OnEvent | undefined): Resource {
  const hasSameListener = onEvent !== undefined && resource.onEvent === onEvent
  return {
    ...resource,
    async verify(source, options) {
      try {
        return await resource.verify(source, options)
      } catch (error) {
        if (hasSameListener && error instanceof AAuthError) Object.assign(error, { isEmitted: true })
        throw error
      }
    },
    async toResponse(error) {
      const response = await resource.toResponse(error)
      return error instanceof AAuthError ? Object.assign(response, { refused: error }) : response
    },
  }
}

/** The error of a response that {@link observeResource} made. */
export function errorOf(response: Response): AAuthError | undefined {
  return 'refused' in response && response.refused instanceof AAuthError ? response.refused : undefined
}

function isEmitted(error: AAuthError): boolean {
  return 'isEmitted' in error && error.isEmitted === true
}

export type UpstreamOutcome = Exclude<UpstreamEvent['outcome'], 'answered'>

/** A failed request to the API behind the gateway. */
export class UpstreamFailure extends AAuthError {
  readonly outcome: UpstreamOutcome

  constructor(
    code: 'upstream_failed' | 'upstream_late',
    outcome: UpstreamOutcome,
    message: string,
    options: { cause?: unknown } = {},
  ) {
    super(code, message, options)
    this.outcome = outcome
  }
}
