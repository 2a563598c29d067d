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

/** Subscribes to changes on a 2026-07-28 server, for a client that expects notifications without subscribing. */
export interface ChangeStream {
  start(): void
  /** `send` prompts the user if consent is needed. */
  subscribe(uri: string, send: Exchange['send']): Promise<Answer>
  unsubscribe(uri: string): Promise<Answer>
  close(): void
}

interface ChangeStreamOptions {
  server: StatelessServer
  complete: (request: RpcRequest) => RpcRequest
  standing: Exchange
  client: Client
  /** The server's capabilities. */
  capabilities: JsonObject
}

/** How to open a stream and keep it open. */
interface Holding {
  signal: AbortSignal
  /** Sends the first request for the stream. */
  send: Exchange['send']
  onAcknowledged: (honoured: JsonObject | undefined) => void
  onFailed: ((error: Error) => void) | undefined
}

/** Delay before reopening a stream that has ended, in milliseconds: initial and maximum. */
const waits = { first: 1000, longest: 30_000 }

/** Time limit for the server to acknowledge a subscription, in milliseconds. */
const acknowledged = 10_000

/** Maximum number of subscribed resources. */
const mostResources = 1000

/** Keeps one stream open, and replaces it when the subscriptions change. */
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
   * Opens a stream, which stays open until another one replaces it. Resolves when the server has acknowledged the subscriptions or the time
   * limit has passed; rejects if the first request fails.
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
      if (resources.size >= mostResources) return refusal(rpcCodes.invalidParams, 'Too many resource subscriptions.')
      resources.add(uri)
      const honoured = await follow(send).catch((error: unknown) => {
        resources.delete(uri)
        void follow()
        throw error
      })
      const { resourceSubscriptions } = honoured ?? {}
      if (Array.isArray(resourceSubscriptions) && resourceSubscriptions.includes(uri)) return { result: {} }
      resources.delete(uri)
      return refusal(rpcCodes.invalidParams, `The server does not support subscriptions to ${uri.slice(0, 200)}.`)
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
