import { metaKeys, metaOf, versions } from '../messages/eras.js'
import {
  type Answer,
  answerOf,
  isResponse,
  type JsonObject,
  type RpcNotification,
  type RpcRequest,
  rpcCodes,
  stringIn,
} from '../messages/json-rpc.js'
import { interruptedResponse, ServerProblem } from '../messages/server-problem.js'
import { createParamHeaders, headerText } from './param-headers.js'
import { type Exchange, messagesIn, postMessage } from './post-message.js'

/** A 2026-07-28 server: each request is self-contained, and gets its own response. */
export interface StatelessServer {
  /** @throws ServerProblem if the server does not respond */
  request(request: RpcRequest, exchange: Exchange): Promise<Answer>
  notify(notification: RpcNotification, exchange: Exchange): Promise<void>
}

export function createStatelessServer(host: string, onProblem: (text: string) => void): StatelessServer {
  const shown = createParamHeaders(onProblem)

  function headersOf({ method, params = {} }: RpcRequest | RpcNotification, meta: JsonObject): Record<string, string> {
    const name = namedBy[method]
    const subject = name === undefined ? undefined : params[name]
    return {
      'mcp-protocol-version': stringIn(meta, metaKeys.version) || versions.stateless,
      'mcp-method': method,
      ...(typeof subject === 'string' ? { 'mcp-name': headerText(subject) } : {}),
      ...(method === 'tools/call' ? shown.of(params) : {}),
    }
  }

  async function ask(request: RpcRequest, exchange: Exchange): Promise<Answer> {
    const response = await postMessage(request, headersOf(request, metaOf(request)), exchange)
    let cause: unknown
    try {
      for await (const { message } of messagesIn(response, host)) {
        if (message === undefined) continue
        if (!isResponse(message)) {
          // Servers of this era do not send requests.
          if (!('id' in message)) exchange.toClient(message)
        } else if (message.id === request.id || message.id === null) return learnt(request, answerOf(message))
      }
    } catch (error) {
      if (exchange.signal.aborted || error instanceof ServerProblem) throw error
      cause = error
    }
    throw interruptedResponse(host, request, cause)
  }

  function learnt({ method }: RpcRequest, answer: Answer): Answer {
    if (method !== 'tools/list' || 'error' in answer || !Array.isArray(answer.result.tools)) return answer
    return { result: { ...answer.result, tools: shown.learn(answer.result.tools) } }
  }

  /** Reads the definitions of all tools. */
  async function learnTools(request: RpcRequest, exchange: Exchange): Promise<void> {
    let cursor: unknown
    for (let page = 0; page < mostPages; page++) {
      const params = { _meta: metaOf(request), ...(cursor === undefined ? {} : { cursor }) }
      const list: RpcRequest = { jsonrpc: '2.0', id: `countersign-tools-${page}`, method: 'tools/list', params }
      const answer = await ask(list, exchange)
      cursor = 'result' in answer ? answer.result.nextCursor : undefined
      if (typeof cursor !== 'string') return
    }
  }

  return {
    async request(request, exchange) {
      const answer = await ask(request, exchange)
      const isMissing = 'error' in answer && answer.error.code === rpcCodes.headerMismatch
      if (request.method !== 'tools/call' || !isMissing) return answer
      await learnTools(request, { ...exchange, toClient: () => undefined })
      return ask(request, exchange)
    },
    async notify(notification, exchange) {
      const response = await postMessage(notification, headersOf(notification, metaOf(notification)), exchange)
      await response.body?.cancel()
    },
  }
}

/** The parameter that contains the name of a request's object, by method. */
const namedBy: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
}

const mostPages = 100
