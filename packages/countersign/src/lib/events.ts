import type { MaybePromise } from './maybe-promise.js'
import { warnOnce } from './options.js'
import type { Refusal } from './refusal.js'

/** Which part tells. */
export type Role = 'agent' | 'resource' | 'authServer' | 'gateway'

/** A request that was answered; at an agent, one that it made, with all the steps that it took. */
export interface RequestEvent {
  kind: 'request'
  role: Role
  /**
   * The name of what was asked for, one of few. Auth server: the path of the route, such as `/agent/token`. Resource: the
   * level that was required, or the path that is published. Agent: `fetch`, `sign-in`, or the path that is served. `none`
   * where there is nothing. Gateway: the route as its table has it, such as `GET /events/*`, the path that is published or
   * where MCP is spoken, `preflight`, or `other` where no route is.
   */
  route: string
  /**
   * `ok`, or the code of what went wrong, one of few. Gateway: also `aborted`, where the client left; `revoked`, where
   * what allowed a long answer ended before it; `refused`, where what was asked is no message that could be judged. What the
   * API refuses itself is `ok`.
   */
  outcome: string
  /** Seconds; at an agent, also those that a person took; at a gateway, until the answer was sent whole. */
  duration: number
  /** Of the answer; undefined: there was none, or a resource let the request through. */
  status?: number | undefined
  /** Of HTTP. */
  method?: string | undefined
  /** As it was sent, without the query, cut to 256 characters. A stranger chose it, so anything can be in it. */
  path?: string | undefined
  /** Whom an agent asked. */
  host?: string | undefined
  /** Gateway: who asked, by its identifier, verified; undefined: nobody, or a key that proves no agent. */
  agent?: string | undefined
  /** Gateway: the delegate of the agent, where one asked. */
  delegate?: string | undefined
  /** Gateway: the thumbprint of the key that signed, where it proves no agent. */
  thumbprint?: string | undefined
  /** Gateway: what was asked of an MCP server, such as `tools/call`, where it was let through; at most 256 characters. */
  mcpMethod?: string | undefined
  /** Gateway: the tool or prompt that was asked for, at most 256 characters; never its arguments, nor the URI of a resource. */
  mcpName?: string | undefined
  /** The id that the caller was shown. */
  requestId?: string | undefined
}

/** Why a request was refused, with what the answer hides. */
export interface RefusalEvent extends Refusal {
  kind: 'refusal'
  role: Role
  /** The id that the caller was shown. */
  requestId?: string | undefined
}

/** A document of somebody else that was needed, and what came of it. */
export interface LookupEvent {
  kind: 'lookup'
  role: Role
  /** `document`: what an identifier points at; `keys`: the key set that it names. */
  what: 'document' | 'keys'
  /** Whose it is, with the port where that is not 443. */
  host: string
  /**
   * `unreachable`: its origin does not answer; `stale`: neither, and what was known before goes on for a while (W32);
   * `refused`: what it answers is not acceptable; `busy`: too many are being fetched.
   */
  outcome: 'found' | 'stale' | 'unreachable' | 'refused' | 'busy'
  /** Whether nothing was fetched for it. */
  cached: boolean
  /** Seconds until it was known; the answer to a stranger may come later, so that the time tells nothing. */
  duration: number
  /** Why it was not found, from the outside in; at most 512 characters, in which strangers have a say. */
  reason?: string | undefined
}

/** Somebody or something decided whether an agent may do something. */
export interface DecisionEvent {
  kind: 'decision'
  role: 'authServer'
  /** `grant`: what the person allowed before answered, without a page. */
  by: 'person' | 'policy' | 'grant'
  /** `asked`: no rule decides, so that a person is asked. */
  outcome: 'allowed' | 'denied' | 'asked'
  /** Its identifier. */
  agent: string
  /** The delegate of the agent, where one asked. */
  delegate?: string | undefined
  /** What it is access to, by its identifier. */
  resource: string
  /** What was asked for, space-separated. */
  scope: string
  /** The rule of the policy. */
  rule?: string | undefined
}

/** A verb of the auth server's storage. */
export interface StorageEvent {
  kind: 'storage'
  role: 'authServer'
  /** Its name in `Storage`. */
  verb: string
  /** `ok`, the code of a `StorageError`, or `failed`. */
  outcome: string
  /** Seconds. */
  duration: number
}

/** A password that the auth server hashed or checked, one of few at a time. */
export interface PasswordEvent {
  kind: 'password'
  role: 'authServer'
  /** `unavailable`: too many were waiting. */
  outcome: 'ok' | 'unavailable' | 'failed'
  /** Seconds until its turn. */
  waited: number
  /** Seconds of the computation. */
  duration: number
  /** How many wait now. */
  waiting: number
}

/** A request that a gateway sent to the API behind it, and what came of it. */
export interface UpstreamEvent {
  kind: 'upstream'
  role: 'gateway'
  /** As in `request`. */
  route: string
  /**
   * `unreachable`: no connection stood in time; `late`: it did not begin to answer in time; `reset`: it ended the connection
   * before it answered; `unreadable`: what it answered is no HTTP; `broken_off`: its answer began and did not end.
   */
  outcome: 'answered' | 'unreachable' | 'late' | 'reset' | 'unreadable' | 'broken_off'
  /** What the API answered. */
  status?: number | undefined
  /** Seconds until its answer began, or until it failed. */
  duration: number
  /** Why it failed; at most 512 characters. */
  reason?: string | undefined
}

/** A body that was too large for memory, so that a gateway kept it on disk until it was verified and sent on, or refused. */
export interface UploadEvent {
  kind: 'upload'
  role: 'gateway'
  /** As in `request`. */
  route: string
  /** How much of it was on disk. */
  bytes: number
  /** Seconds until the room was free again. */
  duration: number
}

/** A WebSocket through a gateway. */
export interface SocketEvent {
  kind: 'socket'
  role: 'gateway'
  /** As in `request`. */
  route: string
  /** `ended`: by either side; `revoked`: what allowed it is over; `stopped`: the gateway stops. */
  outcome: 'opened' | 'ended' | 'revoked' | 'stopped'
  /** Seconds that it was open. */
  duration: number
}

/** A connection that a gateway closed since there were too many. */
export interface ConnectionEvent {
  kind: 'connection'
  role: 'gateway'
  /** `displaced`: it was idle longest, or its client did not read; `refused`: there was no such connection, and the new one got 503. */
  outcome: 'displaced' | 'refused'
}

/** What a part tells of itself. Switch on `kind`, and leave kinds that you do not know: more may come. */
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

/**
 * Told each event as it happens, in the asynchronous context of the request. It is not waited for, and what it throws or
 * rejects with is a process warning: it harms no request. But it holds up the process while it runs, so keep it short.
 */
export type OnEvent = (event: CountersignEvent) => MaybePromise<void>

type Untold<E> = E extends CountersignEvent ? Omit<E, 'role'> : never

/** Tells an event of one part. */
export type Tell = (event: Untold<CountersignEvent>) => void

/**
 * What tells events to a listener that may fail; undefined without one, so that `tell?.({ … })` then makes no event.
 *
 * @param of whose events they are: its identifier
 * @throws TypeError for what is no function
 */
export function createTell(role: Role, of: string, onEvent: OnEvent | undefined): Tell | undefined {
  if (onEvent === undefined) return undefined
  if (typeof onEvent !== 'function') throw new TypeError('onEvent must be a function')
  const warn = (error: unknown): void => warnOnce(of, 'onEvent', `it failed: ${String(error)}`)
  const told = async (event: CountersignEvent): Promise<void> => onEvent(event)
  // The beginning of an async function runs at once, in the context of the request, and throws nothing.
  return (event) => void told({ role, ...event } as CountersignEvent).catch(warn)
}
