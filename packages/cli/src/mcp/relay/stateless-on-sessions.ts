import { lists, metaKeys, metaOf, versions } from '../messages/eras.js'
import type { Exchange } from '../messages/exchange.js'
import {
  type Answer,
  isJsonObject,
  isRequest,
  type JsonObject,
  type Message,
  objectIn,
  type RpcRequest,
  refusal,
  rpcCodes,
  stringIn,
} from '../messages/json-rpc.js'
import { createSessionServer, type SessionServer } from '../server/session-server.js'
import { createHeldCalls } from './held-calls.js'
import { createListeners } from './listeners.js'
import type { Opened, RelayOptions } from './relay.js'

/** A client of 2026-07-28 on a server with sessions. */
export async function statelessOnSessions(options: RelayOptions, exchange: Exchange): Promise<Opened> {
  const { host, client, description, standing } = options
  const server = createSessionServer({ host, params: { ...description }, standing: { ...standing, toClient: hear } })
  const listeners = createListeners(client)
  const calls = createHeldCalls({ server, host, standing })

  /** What comes beside all answers. */
  function hear(message: Message): void {
    if (!('method' in message)) return
    if (!isRequest(message)) listeners.tell(message)
    calls.hearAside(message)
  }

  const opened = await server.open(exchange)
  if ('error' in opened) return { refused: opened }
  await server.ready(exchange)
  const capabilities = objectIn(opened.result, 'capabilities')
  const setLevel = createLevel(server, capabilities)

  return {
    answer: { result: discoverResult(opened.result) },
    relay: {
      async request(request, given) {
        const { method } = request
        const requested = stringIn(metaOf(request), metaKeys.version)
        if (requested !== versions.stateless) return unknownVersion(requested)
        if (method === 'server/discover') return { result: discoverResult(opened.result) }
        if (method === 'subscriptions/listen')
          return listeners.listen(request, { server, capabilities, exchange: given })
        if (method === 'resources/subscribe' || method === 'resources/unsubscribe')
          return refusal(rpcCodes.methodNotFound, `${method} is subscriptions/listen since 2026-07-28.`)
        await setLevel(request, given)
        return completeAnswer(method, await calls.request(request, given))
      },
      notify: async () => undefined,
      async close() {
        calls.close()
        await server.close()
      },
    },
  }
}

function unknownVersion(requested: string): Answer {
  const supported = [versions.stateless]
  return refusal(rpcCodes.unsupportedVersion, 'This version of MCP is not spoken here.', { supported, requested })
}

/** What a handshake says of a server, as 2026-07-28 has it. */
function discoverResult({ capabilities, serverInfo, instructions }: JsonObject): JsonObject {
  return {
    resultType: 'complete',
    supportedVersions: [versions.stateless],
    capabilities: capabilities ?? {},
    ...(typeof instructions === 'string' ? { instructions } : {}),
    _meta: { [metaKeys.serverInfo]: serverInfo },
    ttlMs: 0,
    cacheScope: 'private',
  }
}

/** An answer with what 2026-07-28 requires in it. */
function completeAnswer(method: string, answer: Answer): Answer {
  if ('error' in answer || answer.result.resultType !== undefined) return answer
  const isKept = method in lists || method === 'resources/read'
  return {
    result: { ...answer.result, resultType: 'complete', ...(isKept ? { ttlMs: 0, cacheScope: 'private' } : {}) },
  }
}

/** Sets the level of log messages of the session, which each request of 2026-07-28 says for itself. */
function createLevel(
  server: SessionServer,
  capabilities: JsonObject,
): (request: RpcRequest, exchange: Exchange) => Promise<void> {
  let level: unknown
  return async (request, exchange) => {
    const wanted = metaOf(request)[metaKeys.logLevel]
    if (wanted === undefined || wanted === level || !isJsonObject(capabilities.logging)) return
    level = wanted
    const params = { level: wanted }
    await server.request({ jsonrpc: '2.0', id: 'countersign-level', method: 'logging/setLevel', params }, exchange)
  }
}
