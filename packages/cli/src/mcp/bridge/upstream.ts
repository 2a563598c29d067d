import { AgentError } from 'countersign/agent'
import { type ConsentPrompter, RespondedLocally } from '../consent/consent-prompter.js'
import {
  type JsonObject,
  type Message,
  notification,
  type RpcNotification,
  type RpcRequest,
} from '../messages/json-rpc.js'
import { ServerProblem } from '../messages/server-problem.js'
import { openRelay } from '../relay/open-relay.js'
import type { Client, ClientDescription, Opened, Relay } from '../relay/relay.js'
import { pacedResponse } from '../server/pace.js'
import type { Exchange } from '../server/post-message.js'

export interface UpstreamOptions {
  client: Client
  url: string
  /** Sends a request as the agent; rejects with `consent_required` if the user must decide. */
  fetch: typeof globalThis.fetch
  /** Resolves when the client has read everything that was written to it. */
  clientReads: () => Promise<void>
  consent: ConsentPrompter
  /** Aborts when the bridge shuts down. */
  ending: AbortSignal
  /** Receives one line. */
  onProblem: (text: string) => void
}

/** A request that is sent again once the user has given consent to it. */
interface Sent {
  request: RpcRequest
  /** The client's capabilities. */
  capabilities: JsonObject
  /** The mark of the page that the user has agreed to open. */
  agreedTo: string | undefined
  signal: AbortSignal
}

/** The server behind the bridge, as presented to one client. */
export interface Upstream {
  /** Returns the exchange that carries one request. */
  exchangeFor(sent: Sent): Exchange
  /** Opens the server on the first call. @throws RespondedLocally if the server refuses the client */
  open(described: ClientDescription, exchange: Exchange): Promise<Presented>
  /** The server, if it is open. */
  opened(): Presented | undefined
  notify(message: RpcNotification, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** A server, and its response to `initialize` or `server/discover`. */
export type Presented = Extract<Opened, { relay: Relay }>

/** Maximum number of times a request is sent again after consent. */
const mostConsents = 5

export function createUpstream(options: UpstreamOptions): Upstream {
  const { client, url, consent, ending, onProblem } = options
  const { host } = new URL(url)
  const toClient = (message: Message) => client.tell(message)
  let server: Presented | undefined
  let isReady = false

  /** Applies backpressure: reads from the server no faster than the client reads, so that no buffer can grow without limit. */
  async function send(init: RequestInit): Promise<Response> {
    return pacedResponse(await options.fetch(url, init), options.clientReads)
  }

  const standing: Exchange = { signal: ending, toClient, send }

  return {
    exchangeFor(sent) {
      let since: number | undefined
      async function sendWithConsent(init: RequestInit): Promise<Response> {
        for (let consents = 0; ; consents++) {
          try {
            return await send(init)
          } catch (error) {
            const page = pageOf(error)
            if (page === undefined) throw error
            if (consents === mostConsents) throw new ServerProblem(`${host} keeps asking for consent.`)
            since ??= performance.now()
            await consent.ask(page, { ...sent, client, since, toClient })
          }
        }
      }
      return { signal: sent.signal, toClient, send: sendWithConsent }
    },
    async open(description, exchange) {
      if (server) return server
      const opened = await openRelay({ host, client, description, standing, onProblem }, exchange)
      if ('refused' in opened) throw new RespondedLocally(opened.refused)
      // A concurrent request has already opened the server.
      if (server) {
        await opened.relay.close()
        return server
      }
      server = opened
      if (isReady) await opened.relay.notify(notification('notifications/initialized'), exchange)
      return opened
    },
    opened: () => server,
    async notify(message, signal) {
      if (message.method === 'notifications/initialized') isReady = true
      await server?.relay.notify(message, { ...standing, signal: AbortSignal.any([signal, ending]) })
    },
    close: async () => server?.relay.close(),
  }
}

/** Returns the consent page if a request was not sent because it requires consent. */
function pageOf(error: unknown): string | undefined {
  return error instanceof AgentError && error.code === 'consent_required' ? error.consent?.url : undefined
}
