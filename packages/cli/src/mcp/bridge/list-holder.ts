import { listChanges } from '../messages/eras.js'
import { isJsonObject, notification, type RpcRequest } from '../messages/json-rpc.js'
import { stamped } from '../relay/listeners.js'
import type { Client } from '../relay/relay.js'

/** Those who hear that lists hold more since a person has decided. */
export interface ListHolder {
  /** Tells the client that its stream of changes is held. */
  acknowledge(request: RpcRequest): void
  /** Holds it until then. */
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
