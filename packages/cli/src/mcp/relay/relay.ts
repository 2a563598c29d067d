import type { Era } from '../messages/eras.js'
import type { Answer, JsonObject, Message, RpcNotification, RpcRequest } from '../messages/json-rpc.js'
import type { Exchange } from '../server/post-message.js'

/** The client, as what stands between it and the server sees it. */
export interface Client {
  readonly era: Era
  tell(message: Message): void
  /** A request to the client, which only one with a handshake takes; `key` names it for {@link withdraw}. */
  ask(method: string, params: JsonObject | undefined, key?: string): Promise<Answer>
  /** The server does not want the answer any more. */
  withdraw(key: string, params: JsonObject): void
}

/** A client of one era on a server of one era. */
export interface Relay {
  /**
   * Answers a request of the client.
   *
   * @throws ServerProblem where the server does not answer
   */
  request(request: RpcRequest, exchange: Exchange): Promise<Answer>
  notify(notification: RpcNotification, exchange: Exchange): Promise<void>
  close(): Promise<void>
}

/** What a server with sessions takes its place with, and one without has in each request. */
export interface ClientDescription {
  protocolVersion: string
  capabilities: JsonObject
  clientInfo: JsonObject
}

/** What both ends of a relay are. */
export interface RelayOptions {
  host: string
  client: Client
  description: ClientDescription
  /** Carries what belongs to no request of the client. */
  standing: Exchange
  /** Told, in one line, what was not passed on. */
  onProblem: (text: string) => void
}

/** A relay, and what the server said when it was opened, with a session or without; or why it was not. */
export type Opened = { relay: Relay; answer: Answer; hasSession?: boolean } | { refused: Answer }
