import { type Era, listChanges, lists, metaKeys, metaOf, sessionVersions, versions } from '../messages/eras.js'
import {
  type Answer,
  isJsonObject,
  type JsonObject,
  notification,
  type RpcNotification,
  type RpcRequest,
  stringIn,
} from '../messages/json-rpc.js'
import type { Client } from '../relay/relay.js'

/** The only tool of a server that shows nothing until the user has given consent. */
export const connectTool = 'connect'

const serverInfo = { name: 'countersign-mcp', version: '1' }

const changing = { listChanged: true }

/** The capabilities that such a server may turn out to have. */
const capabilities = {
  tools: changing,
  resources: { ...changing, subscribe: true },
  prompts: changing,
  completions: {},
}

/** Responds to a client's first request on behalf of a server that requires consent for it. */
export function standInOpening(era: Era, host: string, params: JsonObject | undefined): Answer {
  const instructions = `${host} requires the user’s consent before it shows anything: call the tool ${connectTool}.`
  if (era === 'stateless')
    return {
      result: {
        resultType: 'complete',
        supportedVersions: [versions.stateless],
        capabilities,
        instructions,
        _meta: { [metaKeys.serverInfo]: serverInfo },
        ...asOfNow,
      },
    }
  const asked = stringIn(params, 'protocolVersion')
  const protocolVersion = sessionVersions.includes(asked) ? asked : versions.sessions
  return { result: { protocolVersion, capabilities: { ...capabilities, logging: {} }, serverInfo, instructions } }
}

/** Returns a placeholder for a list that requires consent; undefined if the method does not return a list. */
export function standInList(era: Era, host: string, method: string): Answer | undefined {
  const member = lists[method]
  if (member === undefined) return undefined
  const kind = era === 'stateless' ? { resultType: 'complete', ...asOfNow } : {}
  return { result: { [member]: member === 'tools' ? [toolFor(host)] : [], ...kind } }
}

/** Not cacheable: the real list replaces this one as soon as the user has decided. */
const asOfNow = { ttlMs: 0, cacheScope: 'private' }

function toolFor(host: string): JsonObject {
  return {
    name: connectTool,
    title: `Connect to ${host}`,
    description: `${host} shows its tools once the user has given consent. This tool prompts the user; call it first.`,
    inputSchema: { type: 'object', properties: {} },
  }
}

export function connectedText(host: string): string {
  return `Connected: the tools of ${host} are now available.`
}

/** Notifies the client, once the user has given consent, that lists have changed. */
interface ListHolder {
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
