import { metaKeys } from '../messages/eras.js'
import {
  type Answer,
  type JsonObject,
  type Message,
  objectIn,
  type RpcRequest,
  refusal,
  rpcCodes,
} from '../messages/json-rpc.js'
import type { Exchange } from '../server/post-message.js'
import type { StatelessServer } from '../server/stateless-server.js'
import type { Client } from './relay.js'

/** What changes at a server of 2026-07-28, for a client that hears it without asking. */
export interface ChangeStream {
  start(): void
  /** `send` asks the person where one must decide. */
  subscribe(uri: string, send: Exchange['send']): Promise<Answer>
  unsubscribe(uri: string): Promise<Answer>
  close(): void
}

interface ChangeStreamOptions {
  server: StatelessServer
  complete: (request: RpcRequest) => RpcRequest
  standing: Exchange
  client: Client
  /** The server's. */
  capabilities: JsonObject
}

/** How a stream is held. */
interface Holding {
  signal: AbortSignal
  /** Sends it for the first time. */
  send: Exchange['send']
  onAcknowledged: (honoured: JsonObject | undefined) => void
  onFailed: ((error: Error) => void) | undefined
}

/** Milliseconds before a stream that ended is asked for again, at first and at most. */
const waits = { first: 1000, longest: 30_000 }

/** Milliseconds that a server may take to say what it will tell. */
const acknowledged = 10_000

/** Most resources that are followed. */
const mostResources = 1000

/** One stream is held, and asked for anew when what is followed changes. */
export function createChangeStream(options: ChangeStreamOptions): ChangeStream {
  const { server, complete, standing, client, capabilities } = options
  const resources = new Set<string>()
  let current = new AbortController()
  let streams = 0

  function wanted(): JsonObject {
    const changes = (name: string) => objectIn(capabilities, name).listChanged === true
    return {
      ...(changes('tools') ? { toolsListChanged: true } : {}),
      ...(changes('resources') ? { resourcesListChanged: true } : {}),
      ...(changes('prompts') ? { promptsListChanged: true } : {}),
      ...(resources.size > 0 ? { resourceSubscriptions: [...resources] } : {}),
    }
  }

  /**
   * Holds a stream until another takes its place; resolves when the server has said what it will tell, or did not. Rejects where
   * it is first sent in a way that fails.
   */
  function follow(first?: Exchange['send']): Promise<JsonObject | undefined> {
    current.abort()
    current = new AbortController()
    const signal = AbortSignal.any([current.signal, standing.signal])
    const notifications = wanted()
    if (Object.keys(notifications).length === 0) return Promise.resolve({})
    return new Promise((resolve, reject) => {
      let late: NodeJS.Timeout | undefined
      async function send(init: RequestInit): Promise<Response> {
        const response = await (first ?? standing.send)(init)
        late ??= setTimeout(() => resolve(undefined), acknowledged).unref()
        return response
      }
      void hold(notifications, {
        signal,
        send,
        onAcknowledged(honoured) {
          clearTimeout(late)
          resolve(honoured)
        },
        onFailed: first && reject,
      })
    })
  }

  async function hold(notifications: JsonObject, first: Holding): Promise<void> {
    const { signal, onAcknowledged, onFailed } = first
    let send = first.send
    for (let wait = waits.first; !signal.aborted; wait = Math.min(wait * 2, waits.longest)) {
      const id = `countersign-changes-${++streams}`
      const listen: RpcRequest = { jsonrpc: '2.0', id, method: 'subscriptions/listen', params: { notifications } }
      const toClient = (message: Message) => {
        if (!('method' in message)) return
        if (message.method === 'notifications/subscriptions/acknowledged')
          return onAcknowledged(objectIn(message.params, 'notifications'))
        client.tell(withoutSubscription(message))
      }
      const answer = await server.request(complete(listen), { send, signal, toClient }).catch((error: Error) => {
        if (send === first.send) onFailed?.(error)
      })
      send = standing.send
      onAcknowledged(undefined)
      if (answer !== undefined && 'error' in answer) return
      await new Promise((resolve) => setTimeout(resolve, wait).unref())
    }
  }

  return {
    start: () => void follow(),
    async subscribe(uri, send) {
      if (resources.size >= mostResources) return refusal(rpcCodes.invalidParams, 'Too many resources are followed.')
      resources.add(uri)
      const honoured = await follow(send).catch((error: unknown) => {
        resources.delete(uri)
        void follow()
        throw error
      })
      const { resourceSubscriptions } = honoured ?? {}
      if (Array.isArray(resourceSubscriptions) && resourceSubscriptions.includes(uri)) return { result: {} }
      resources.delete(uri)
      return refusal(rpcCodes.invalidParams, `The server does not tell of changes of ${uri.slice(0, 200)}.`)
    },
    async unsubscribe(uri) {
      if (resources.delete(uri)) await follow()
      return { result: {} }
    },
    close: () => current.abort(),
  }
}

function withoutSubscription(message: Message): Message {
  if (!('method' in message)) return message
  const { _meta, ...params } = message.params ?? {}
  const meta = Object.entries(objectIn(message.params, '_meta')).filter(([name]) => name !== metaKeys.subscriptionId)
  return { ...message, params: meta.length === 0 ? params : { ...params, _meta: Object.fromEntries(meta) } }
}
