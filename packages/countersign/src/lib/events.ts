import type { MaybePromise } from './maybe-promise.js'
import { warnOnce } from './options.js'
import type { Refusal } from './refusal.js'

/** The role that emits the event. */
export type Role = 'agent' | 'resource' | 'authServer' | 'gateway'

/** A request that was handled. For an agent: a request that it sent, including every step taken. */
export interface RequestEvent {
  kind: 'request'
  role: Role
  /**
   * The name of the operation, from a small set. Auth server: the route's path, such as `/agent/token`. Resource: the required level, or
   * the published path. Agent: `fetch`, `signed-headers`, `sign-in`, or the served path. `none` if nothing is served at the path. Gateway:
   * the route as in its table, such as `GET /events/*`, the published path or the MCP endpoint's path, `preflight`, or `other` if no route
   * matches.
   */
  route: string
  /**
   * `ok`, or the error code, from a small set. Gateway: also `aborted` if the client disconnected, `revoked` if the authorization for a
   * long response ended while it was being sent, and `refused` for an MCP message that could not be parsed or checked. A refusal by the API
   * itself counts as `ok`.
   */
  outcome: string
  /**
   * Duration in seconds. For an agent, this includes the time that the user took; for a gateway, it ends when the response has been sent in
   * full.
   */
  duration: number
  /** Status of the response. Undefined if no response was received, or if a resource accepted the request. */
  status?: number | undefined
  /** The HTTP method. */
  method?: string | undefined
  /** The path as sent, without the query, truncated to 256 characters. The caller chose it, so it can contain anything. */
  path?: string | undefined
  /** The host that an agent called. */
  host?: string | undefined
  /**
   * Gateway: the verified identifier of the calling agent, or the `client_id` of an OAuth client. Undefined for an unsigned request, or for
   * a key without an agent.
   */
  agent?: string | undefined
  /** Gateway: `bearer` if an OAuth access token is the only proof of the caller. Anyone who has the token could have sent the request. */
  proof?: 'bearer' | undefined
  /** Gateway: the agent's delegate, if a delegate called. */
  delegate?: string | undefined
  /** Gateway: the thumbprint of the signing key, if that key does not identify an agent. */
  thumbprint?: string | undefined
  /** Gateway: the method of an accepted MCP request, such as `tools/call`; at most 256 characters. */
  mcpMethod?: string | undefined
  /** Gateway: the tool or prompt that was requested, at most 256 characters; never its arguments or the URI of a resource. */
  mcpName?: string | undefined
  /** The request id that the caller saw. */
  requestId?: string | undefined
}

/** Why a request was refused, including details that the response omits. */
export interface RefusalEvent extends Refusal {
  kind: 'refusal'
  role: Role
  /** The request id that the caller saw. */
  requestId?: string | undefined
}

/** A lookup of another party's document, and its outcome. */
export interface LookupEvent {
  kind: 'lookup'
  role: Role
  /** `document`: an identifier's document; `keys`: the key set that the document names. */
  what: 'document' | 'keys'
  /** The document's host, with the port if it is not 443. */
  host: string
  /**
   * `unreachable`: the document's origin does not respond; `stale`: the origin does not respond or a limit on fetches is reached, so the
   * previous copy is used for a while (W32); `refused`: the response is not acceptable; `busy`: a limit on fetches is reached.
   */
  outcome: 'found' | 'stale' | 'unreachable' | 'refused' | 'busy'
  /** Whether the result came from the cache. */
  cached: boolean
  /** Seconds until the result was known. The response to an unauthenticated caller may be delayed, so that its timing reveals nothing. */
  duration: number
  /** Why the lookup failed, outermost reason first; at most 512 characters, partly controlled by other parties. */
  reason?: string | undefined
}

/** A decision about an agent's request. */
export interface DecisionEvent {
  kind: 'decision'
  role: 'authServer'
  /** `grant`: one of the user's earlier grants allowed it, without a page. */
  by: 'person' | 'policy' | 'grant'
  /** `asked`: no rule applies, so the user is prompted. */
  outcome: 'allowed' | 'denied' | 'asked'
  /** The agent's identifier. */
  agent: string
  /** The agent's delegate, if a delegate sent the request. */
  delegate?: string | undefined
  /** The resource's identifier. */
  resource: string
  /** The requested scopes, space-separated. */
  scope: string
  /** The policy rule that decided. */
  rule?: string | undefined
}

/** An operation of the auth server's storage. */
export interface StorageEvent {
  kind: 'storage'
  role: 'authServer'
  /** The operation's name in `Storage`. */
  verb: string
  /** `ok`, the code of a `StorageError`, or `failed`. */
  outcome: string
  /** Seconds. */
  duration: number
}

/** A password that the auth server hashed or checked. Only a few such computations run at a time. */
export interface PasswordEvent {
  kind: 'password'
  role: 'authServer'
  /** `unavailable`: the queue was full. */
  outcome: 'ok' | 'unavailable' | 'failed'
  /** Time spent in the queue, in seconds. */
  waited: number
  /** Time spent on the computation, in seconds. */
  duration: number
  /** Current length of the queue. */
  waiting: number
}

/** A request that a gateway forwarded to its upstream, and its outcome. */
export interface UpstreamEvent {
  kind: 'upstream'
  role: 'gateway'
  /** As in `request`. */
  route: string
  /**
   * `unreachable`: the connection failed or timed out; `late`: the response did not start in time; `reset`: the upstream closed the
   * connection before responding; `unreadable`: the response is not valid HTTP; `challenged`: the response demands other credentials, where
   * OAuth clients are accepted; `broken_off`: the response started but did not complete.
   */
  outcome: 'answered' | 'unreachable' | 'late' | 'reset' | 'unreadable' | 'challenged' | 'broken_off'
  /** The status of the upstream's response. */
  status?: number | undefined
  /** Seconds until the response started, or the request failed. */
  duration: number
  /** Why the request failed; at most 512 characters. */
  reason?: string | undefined
}

/** A body too large for memory, which a gateway stored on disk until the body was verified and forwarded, or refused. */
export interface UploadEvent {
  kind: 'upload'
  role: 'gateway'
  /** As in `request`. */
  route: string
  /** Bytes stored on disk. */
  bytes: number
  /** Seconds until the disk space was released. */
  duration: number
}

/** A WebSocket proxied by a gateway. */
export interface SocketEvent {
  kind: 'socket'
  role: 'gateway'
  /** As in `request`. */
  route: string
  /** `ended`: closed by either side; `revoked`: its authorization ended; `stopped`: the gateway is shutting down. */
  outcome: 'opened' | 'ended' | 'revoked' | 'stopped'
  /** The agent or client that called, as in `request`. */
  agent?: string | undefined
  /** As in `request`. */
  proof?: 'bearer' | undefined
  /** The agent's delegate, if a delegate called. */
  delegate?: string | undefined
  /** The thumbprint of the signing key, if that key does not identify an agent. */
  thumbprint?: string | undefined
  /** How long it was open, in seconds. */
  duration: number
}

/** A connection that a gateway closed because too many were open. */
export interface ConnectionEvent {
  kind: 'connection'
  role: 'gateway'
  /**
   * `displaced`: the connection was idle, its client was not reading the response, or its network had the most connections; `refused`: no
   * connection could be evicted, so the new one received 503.
   */
  outcome: 'displaced' | 'refused'
}

/** An attempt of an auth server to notify a resource that a token was revoked. */
export interface RevocationEvent {
  kind: 'revocation'
  role: 'authServer'
  /**
   * `delivered`: the resource confirmed that it received the message; `failed`: it did not, so the message will be sent again; `given_up`: the
   * last attempt failed; `unsupported`: the resource accepts no such messages. Unless it was delivered, the token works until it expires.
   */
  outcome: 'delivered' | 'failed' | 'given_up' | 'unsupported'
  /** The resource's identifier. */
  resource: string
  /** 1 for the first attempt. */
  attempt: number
  /** Seconds until the outcome was known. */
  duration: number
}

/** An event that a role emits. Switch on `kind` and ignore unknown kinds: more may be added. */
export type CountersignEvent =
  | RequestEvent
  | RefusalEvent
  | LookupEvent
  | DecisionEvent
  | StorageEvent
  | PasswordEvent
  | UpstreamEvent
  | UploadEvent
  | SocketEvent
  | ConnectionEvent
  | RevocationEvent

/**
 * Receives each event as it happens, in the asynchronous context of the request. The function is not awaited. If it throws or rejects, a
 * process warning is emitted and no request is affected. It blocks the process while it runs, so keep it short.
 */
export type OnEvent = (event: CountersignEvent) => MaybePromise<void>

type EventInput<E> = E extends CountersignEvent ? Omit<E, 'role'> : never

/** Emits an event on behalf of one role. */
export type Emit = (event: EventInput<CountersignEvent>) => void

/**
 * Creates a function that emits events to a listener that may fail. Undefined without a listener, so that `emit?.({ … })` does not even
 * create the event.
 *
 * @param of the identifier of the event source
 * @throws TypeError if the listener is not a function
 */
export function createEmitter(role: Role, of: string, onEvent: OnEvent | undefined): Emit | undefined {
  if (onEvent === undefined) return undefined
  if (typeof onEvent !== 'function') throw new TypeError('onEvent must be a function')
  const warn = (error: unknown): void => warnOnce(of, 'onEvent', `it failed: ${String(error)}`)
  const told = async (event: CountersignEvent): Promise<void> => onEvent(event)
  // The start of an async function runs synchronously, in the context of the request, and never throws.
  return (event) => void told({ role, ...event } as CountersignEvent).catch(warn)
}
