import { metaKeys, metaOf } from '../messages/eras.js'
import type { Exchange } from '../messages/exchange.js'
import {
  type Answer,
  type JsonObject,
  notification,
  objectIn,
  type RpcNotification,
  type RpcRequest,
} from '../messages/json-rpc.js'
import type { SessionServer } from '../server/session-server.js'
import type { Client } from './relay.js'

/** The streams of a client of 2026-07-28 that hear what changes at a server with sessions. */
export interface Listeners {
  /** Holds a stream until the client ends it. */
  listen(
    request: RpcRequest,
    options: { server: SessionServer; capabilities: JsonObject; exchange: Exchange },
  ): Promise<Answer>
  tell(message: RpcNotification): void
}

/** What a stream asks for, by the capability that it needs and the notification that it brings. */
const kinds = [
  { member: 'toolsListChanged', of: 'tools', method: 'notifications/tools/list_changed' },
  { member: 'resourcesListChanged', of: 'resources', method: 'notifications/resources/list_changed' },
  { member: 'promptsListChanged', of: 'prompts', method: 'notifications/prompts/list_changed' },
] as const

export function createListeners(client: Client): Listeners {
  const held = new Map<RpcRequest['id'], JsonObject>()

  function isFor({ method, params }: RpcNotification, filter: JsonObject): boolean {
    const kind = kinds.find((each) => each.method === method)
    if (kind) return filter[kind.member] === true
    const { resourceSubscriptions } = filter
    const isUpdate = method === 'notifications/resources/updated' && Array.isArray(resourceSubscriptions)
    return isUpdate && resourceSubscriptions.includes(params?.uri)
  }

  return {
    async listen({ id, params }, { server, capabilities, exchange }) {
      const asked = objectIn(params, 'notifications')
      const uris = Array.isArray(asked.resourceSubscriptions)
        ? asked.resourceSubscriptions.slice(0, 100).map(String)
        : []
      const set = async (method: string, uri: string, given: Exchange) => {
        const answer = await server.request(
          { jsonrpc: '2.0', id: `countersign-${uri}`, method, params: { uri } },
          given,
        )
        return 'result' in answer
      }
      const followed: string[] = []
      if (objectIn(capabilities, 'resources').subscribe === true)
        for (const uri of uris) if (await set('resources/subscribe', uri, exchange)) followed.push(uri)
      const filter = {
        ...Object.fromEntries(
          kinds
            .filter(({ member, of }) => asked[member] === true && objectIn(capabilities, of).listChanged === true)
            .map(({ member }) => [member, true]),
        ),
        ...(followed.length > 0 ? { resourceSubscriptions: followed } : {}),
      }
      held.set(id, filter)
      client.tell(stamped(notification('notifications/subscriptions/acknowledged', { notifications: filter }), id))
      await new Promise<void>((resolve) => {
        if (exchange.signal.aborted) return resolve()
        exchange.signal.addEventListener('abort', () => resolve(), { once: true })
      })
      held.delete(id)
      const others = new Set([...held.values()].flatMap((each) => each.resourceSubscriptions ?? []))
      const after = { ...exchange, signal: AbortSignal.timeout(5000) }
      for (const uri of followed)
        if (!others.has(uri)) await set('resources/unsubscribe', uri, after).catch(() => undefined)
      return { result: { resultType: 'complete', _meta: { [metaKeys.subscriptionId]: id } } }
    },
    tell(message) {
      for (const [id, filter] of held) if (isFor(message, filter)) client.tell(stamped(message, id))
    },
  }
}

/** A notification that says which stream it is of. */
export function stamped(message: RpcNotification, id: RpcRequest['id']): RpcNotification {
  const _meta = { ...metaOf(message), [metaKeys.subscriptionId]: id }
  return { ...message, params: { ...message.params, _meta } }
}
