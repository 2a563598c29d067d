import type { ReceivedMessage } from '../httpsig/received-message.js'
import type { IdentifiedRequest } from './verified-request.js'

/** An agent that a user of the API has let in. */
export interface Session {
  id: string
  /** The user, as the API named them when they opened the request. */
  user: string
  agent: string
  delegate: string
}

/** A resource that verifies requests, created by `createResource`. */
export interface SessionResource {
  readonly id: string
  verify(source: ReceivedMessage, options: { require: 'identity' }): Promise<IdentifiedRequest>
  toResponse(error: unknown): Promise<Response>
}

/** A call to execute: the one that was received, or one that was kept until a user had decided. */
export interface AdmittedCall {
  session: Session
  method: string
  /** The request target, as received. */
  target: string
  /** Without the fields that belong to the signature or the connection. */
  headers: readonly (readonly [name: string, value: string])[]
  body: Uint8Array
  /** The fields that the response must have. */
  responseHeaders: Readonly<Record<string, string>>
}

/** Decides on the requests to the routes of a resource that need a session. */
export interface SessionGate {
  /**
   * The call to execute, or the response to anything else: a refusal, or that the call waits for a user.
   *
   * @param signal aborted when the client disconnects
   */
  admit(message: ReceivedMessage, signal: AbortSignal): Promise<AdmittedCall | Response>
}
