import type { Message } from './json-rpc.js'

/** What one request of the client has while it is answered. */
export interface Exchange {
  /**
   * Sends to the server, signed as the agent. Where a person must decide first they are asked, as this client can; rejects with
   * `AnsweredInstead` where they have not decided in time.
   */
  readonly send: (init: RequestInit) => Promise<Response>
  /** Aborts when the client gives the request up, or goes away. */
  readonly signal: AbortSignal
  /** Shows the client what comes before the answer: notifications, and requests of a server with sessions. */
  readonly toClient: (message: Message) => void
}
