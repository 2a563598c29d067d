import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RequestEvent, UpstreamEvent } from 'countersign'
import { asPlainText, describeRefusal } from 'countersign/editions'
import type { Emit } from 'countersign/node'
import { AAuthError, type OnEvent, type Resource, type VerifiedRequest } from 'countersign/resource'

/** A request that a server received, which has a method and a target. */
export type ServerRequest = IncomingMessage & { method: string; url: string }

/** A request and the data of its `request` event. */
export interface TrackedRequest {
  /** Emits an event. Undefined if there is no listener. */
  readonly tell: Emit | undefined
  readonly disconnect: ClientDisconnect
  request: { method: string; rawTarget: string }
  /** The name of the matching route. */
  route: string
  /** `ok`, or an error code. If undefined, it is derived from the status. */
  outcome: string | undefined
  /** The actual status of a refusal, if the proxy receives a different status that it understands. */
  realStatus: number | undefined
  /** Set once the caller is verified. */
  caller: Caller
  /** Set once a call to an MCP server is accepted. */
  mcpCall: McpCall
  /** Emits the event now. @param status the status of a response that was not sent through `outgoing` */
  end(status?: number): void
}

/** The route name for requests that match no route. */
const otherRoute = 'other'

/** Tracks a request until its response is sent or its client disconnects. @param upgraded the connection of an upgrade request */
export function trackRequest(
  tell: Emit | undefined,
  { method, url }: ServerRequest,
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
      path: (request.rawTarget.split('?', 1)[0] as string).slice(0, 256),
      ...tracked.caller,
      ...tracked.mcpCall,
      duration: (performance.now() - began) / 1000,
    })
  }
  return tracked
}

/** @param passed `ok` if the response came from the API */
function plainOutcome(isWhole: boolean, status: number, passed: string | undefined): string {
  if (!isWhole) return 'aborted'
  if (passed !== undefined || status < 400) return 'ok'
  return status >= 500 ? 'bug' : 'refused'
}

/**
 * Tracks whether a client disconnected before its response was sent. An abort signal for each request would cost as much as matching the
 * request's route.
 *
 * This is a class because a getter in an object literal creates a hidden class for each object, which retains everything the getter refers
 * to until a full garbage collection.
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

/** The caller as it may appear in logs. Never includes the user; neither does the auth server's log. */
type Caller = Pick<RequestEvent, 'agent' | 'delegate' | 'thumbprint' | 'proof'>

/** Identifies a caller: an agent and its delegate, a key that does not prove an agent, or, without a key, an OAuth client. */
export function callerOf({ agent, delegate, thumbprint }: Omit<Caller, 'proof'>): Caller {
  if (agent === undefined) return { thumbprint }
  if (thumbprint === undefined) return { agent: asPlainText(agent), proof: 'bearer' }
  return { agent: asPlainText(agent), ...(delegate === undefined ? {} : { delegate: asPlainText(delegate) }) }
}

/** A call to an MCP server. */
type McpCall = Pick<RequestEvent, 'mcpMethod' | 'mcpName'>

/** Methods whose `name` parameter is the name of a tool or prompt. */
const named: ReadonlySet<string> = new Set(['tools/call', 'prompts/get'])

/** Identifies the call in a message; empty for a response or a missing message. */
export function mcpCallOf(message: unknown): McpCall {
  const { method, params } = (message ?? {}) as { method?: unknown; params?: { name?: unknown } }
  if (typeof method !== 'string') return {}
  const name = named.has(method) ? params?.name : undefined
  return { mcpMethod: asPlainText(method), ...(typeof name === 'string' ? { mcpName: asPlainText(name) } : {}) }
}

/**
 * Sets the outcome of a refused request, and emits a `refusal` event with the reason that the response hides. Skips errors that the
 * resource has already emitted, and failed requests to the API, which have a separate event.
 */
export function reportRefusal(tracked: TrackedRequest, error: unknown, verified?: VerifiedRequest): void {
  tracked.outcome = error instanceof AAuthError ? error.code : 'bug'
  if (!tracked.tell || !(error instanceof AAuthError) || error instanceof UpstreamFailure || isEmitted(error)) return
  const who = verified ? { agent: verified.agent, delegate: verified.delegate } : {}
  tracked.tell({ kind: 'refusal', ...describeRefusal(error, error, who) })
}

/**
 * Wraps a resource so that its error responses keep their error for {@link errorOf}, and errors that the resource has already emitted are
 * marked.
 *
 * @param onEvent the gateway's listener, which may also be the resource's listener
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
    oauthEndpoint: (endpoint) => observeResource(resource.oauthEndpoint(endpoint), onEvent),
    async toResponse(error, verified) {
      const response = await resource.toResponse(error, verified)
      return error instanceof AAuthError ? Object.assign(response, { refused: error }) : response
    },
  }
}

/** Returns the error of a response that {@link observeResource} created. */
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
