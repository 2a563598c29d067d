import type { Era } from '../messages/eras.js'
import type { Answer, JsonObject, Message, RpcNotification, RpcRequest } from '../messages/json-rpc.js'
import type { Exchange } from '../server/post-message.js'

/** The client, as seen by the relay. */
export interface Client {
  readonly era: Era
  tell(message: Message): void
  /**
   * Sends a request to the client, which is possible only for clients with a handshake. `key` identifies the request for {@link withdraw}.
   */
  ask(method: string, params: JsonObject | undefined, key?: string): Promise<Answer>
  /** Cancels a request to the client, because the server no longer wants the response. */
  withdraw(key: string, params: JsonObject): void
}

/** Connects a client of one era to a server of one era. */
export interface Relay {
  /**
   * Responds to a client's request.
   *
   * @throws ServerProblem if the server does not respond
   */
  request(request: RpcRequest, exchange: Exchange): Promise<Answer>
  notify(notification: RpcNotification, exchange: Exchange): Promise<void>
  close(): Promise<void>
}

/**
 * The client's description of itself. A server with sessions receives it when the session opens, a server without sessions in each request.
 */
export interface ClientDescription {
  protocolVersion: string
  capabilities: JsonObject
  clientInfo: JsonObject
}

/** The two ends of a relay. */
export interface RelayOptions {
  host: string
  client: Client
  description: ClientDescription
  /** Carries messages that do not belong to any client request. */
  standing: Exchange
  /** Called with a one-line description of what was not forwarded. */
  onProblem: (text: string) => void
}

/** An open relay, with the server's first response and whether there is a session; or the error with which the server refused. */
export type Opened = { relay: Relay; answer: Answer; hasSession?: boolean } | { refused: Answer }
