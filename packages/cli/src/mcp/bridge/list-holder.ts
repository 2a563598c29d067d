import { listChanges, metaKeys, metaOf } from '../messages/eras.js'
import { isJsonObject, notification, type RpcNotification, type RpcRequest } from '../messages/json-rpc.js'
import type { Client } from '../relay/relay.js'

/** Notifies the client that lists have changed once the user has allowed something. */
export interface ListHolder {
  /** Acknowledges the client's subscription. */
  acknowledge(request: RpcRequest): void
  /** Resolves when the lists have changed; rejects when the request is aborted. */
  hold(request: RpcRequest, signal: AbortSignal): Promise<void>
  changed(): void
}

export function createListHolder(client: Client): ListHolder {
  const waiting = new Map<RpcRequest['id'], () => void>()
  return {
    acknowledge({ id, params }) {
      const notifications = isJsonObject(params?.notifications) ? params.notifications : {}
      client.tell(stamped(notification('notifications/subscriptions/acknowledged', { notifications }), id))
    },
    hold({ id }, signal) {
      return new Promise((resolve, reject) => {
        waiting.set(id, resolve)
        signal.addEventListener('abort', () => waiting.delete(id) && reject(signal.reason as Error), { once: true })
      })
    },
    changed() {
      if (client.era === 'sessions') for (const method of listChanges) client.tell(notification(method))
      for (const [id, resolve] of waiting) {
        for (const method of listChanges) client.tell(stamped(notification(method), id))
        resolve()
      }
      waiting.clear()
    },
  }
}

/** A notification with the id of its subscription. */
function stamped(message: RpcNotification, id: RpcRequest['id']): RpcNotification {
  const _meta = { ...metaOf(message), [metaKeys.subscriptionId]: id }
  return { ...message, params: { ...message.params, _meta } }
}
