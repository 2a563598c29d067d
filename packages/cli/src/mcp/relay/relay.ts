import type { Era } from '../messages/eras.js'
import type { Answer, JsonObject, Message, RpcNotification, RpcRequest } from '../messages/json-rpc.js'
import type { Exchange } from '../server/post-message.js'

/** The client, as seen by the relay. */
export interface Client {
  readonly era: Era
  tell(message: Message): void
  /** Sends a request to the client, which is possible only for clients with a handshake. `key` identifies it for {@link withdraw}. */
  ask(method: string, params: JsonObject | undefined, key?: string): Promise<Answer>
  /** Cancels a request to the client, because the server does not want the response any more. */
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

/** The client's description of itself, sent to a server with sessions on opening, and to one without sessions in each request. */
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
  /** Carries messages that belong to no client request. */
  standing: Exchange
  /** Called with what was not forwarded, on one line. */
  onProblem: (text: string) => void
}

/** An open relay, with the server's first response and whether there is a session; or the error with which the server refused. */
export type Opened = { relay: Relay; answer: Answer; hasSession?: boolean } | { refused: Answer }
