import { type Answer, answerOf, type Message, notification, type RpcResponse } from '../messages/json-rpc.js'
import type { Client } from '../relay/relay.js'

/** Requests that the client is asked, by ids of the bridge's own. */
export interface ClientRequests extends Pick<Client, 'ask' | 'withdraw'> {
  /** Takes an answer of the client; false for one that nobody waits for. */
  take(response: RpcResponse): boolean
}

export function createClientRequests(tell: (message: Message) => void): ClientRequests {
  const waiting = new Map<string, { key: string | undefined; resolve: (answer: Answer) => void }>()
  let asked = 0
  return {
    ask(method, params, key) {
      const id = `countersign-${++asked}`
      return new Promise((resolve) => {
        tell({ jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) })
        waiting.set(id, { key, resolve })
      })
    },
    withdraw(key, params) {
      for (const [id, each] of waiting) {
        if (each.key !== key) continue
        // Its server wants no answer, and gets none.
        waiting.delete(id)
        tell(notification('notifications/cancelled', { ...params, requestId: id }))
      }
    },
    take(response) {
      const { id } = response
      const found = typeof id === 'string' ? waiting.get(id) : undefined
      if (!found || typeof id !== 'string') return false
      waiting.delete(id)
      found.resolve(answerOf(response))
      return true
    },
  }
}
