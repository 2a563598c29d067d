import { RespondedLocally, textResponse } from '../consent/consent-prompter.js'
import type { Era } from '../messages/eras.js'
import {
  type Answer,
  answerOf,
  isRequest,
  isResponse,
  type Message,
  notification,
  type RpcNotification,
  type RpcRequest,
  type RpcResponse,
  refusal,
  rpcCodes,
} from '../messages/json-rpc.js'
import { ServerProblem } from '../messages/server-problem.js'
import { cleanedAnswer, cleanedMessage, cleanedParams } from '../messages/server-text.js'
import { isComplete } from '../relay/open-relay.js'
import type { Client } from '../relay/relay.js'
import { type Connection, createConnection } from './connection.js'
import type { UpstreamOptions } from './upstream.js'

interface BridgeOptions extends Omit<UpstreamOptions, 'client' | 'ending'> {
  /** Writes a message to the client. */
  tell: (message: Message) => void
  /** Describes in one sentence why the server did not respond. */
  describe: (error: unknown) => string
}

/** Connects a client that exchanges newline-delimited messages (stdio) to a server over HTTP. */
export interface Bridge {
  receive(message: Message): void
  /** Called when the user has given consent. */
  allowed(): void
  close(): Promise<void>
}

export function createBridge({ tell, describe, ...options }: BridgeOptions): Bridge {
  const ending = new AbortController()
  const requests = createClientRequests(tell)
  /** A client may try one era first and then the other. */
  const connections = new Map<Era, Connection>()
  const running = new Map<RpcRequest['id'], AbortController>()

  /** Passes a server's message to the client, except for cancellations: the server uses its own ids, and these could match the bridge’s. */
  function pass(message: Message): void {
    const shown = cleanedMessage(message)
    if (shown && !('method' in shown && shown.method === 'notifications/cancelled')) tell(shown)
  }

  function connectionOf(era: Era): Connection {
    const known = connections.get(era)
    if (known) return known
    const client: Client = {
      era,
      tell: pass,
      ask: (method, params, key) => requests.ask(method, cleanedParams(params), key),
      withdraw: requests.withdraw,
    }
    const made = createConnection({ ...options, client, ending: ending.signal })
    connections.set(era, made)
    return made
  }

  async function answer(request: RpcRequest): Promise<void> {
    const { id } = request
    const era: Era = isComplete(request) ? 'stateless' : 'sessions'
    const abort = new AbortController()
    running.set(id, abort)
    const signal = AbortSignal.any([abort.signal, ending.signal])
    const given = await answered(request, era, signal)
    if (running.get(id) === abort) running.delete(id)
    // A client that has canceled the request does not expect a response.
    if (signal.aborted) return
    try {
      tell({ jsonrpc: '2.0', id, ...cleanedAnswer(given, options.onProblem) })
    } catch (error) {
      options.onProblem(describe(error))
      tell({ jsonrpc: '2.0', id, ...textResponse({ request, client: { era } }, lost) })
    }
  }

  async function answered(request: RpcRequest, era: Era, signal: AbortSignal): Promise<Answer> {
    if (era === 'sessions' && request.method !== 'initialize' && !connections.has('sessions')) return notOpened
    try {
      return await connectionOf(era).answer(request, signal)
    } catch (error) {
      if (error instanceof RespondedLocally) return error.answer
      const text = describe(error)
      const more = error instanceof ServerProblem ? error.userDetail : undefined
      if (!signal.aborted) options.onProblem(more === undefined ? text : `${text} ${more}`)
      return textResponse({ request, client: { era } }, text)
    }
  }

  function notify(message: RpcNotification): void {
    const { method, params = {} } = message
    const { requestId } = params
    const abort = method === 'notifications/cancelled' ? running.get(requestId as RpcRequest['id']) : undefined
    const connection = connections.get('sessions') ?? connections.get('stateless')
    void (connection?.notify(message, ending.signal) ?? Promise.resolve())
      .catch((error: unknown) => options.onProblem(describe(error)))
      .finally(() => abort?.abort(new Error('the client canceled the request')))
  }

  return {
    receive(message) {
      if (isRequest(message)) void answer(message)
      else if (!isResponse(message)) notify(message)
      else requests.take(message)
    },
    allowed() {
      for (const connection of connections.values()) connection.allowed()
    },
    async close() {
      await Promise.all([...connections.values()].map((connection) => connection.close()))
      ending.abort(new Error('the bridge is shutting down'))
    },
  }
}

const lost = 'The server’s response could not be forwarded.'

const notOpened = refusal(
  rpcCodes.invalidRequest,
  'A request must contain its protocol version in _meta (2026-07-28), or be preceded by initialize (2025-11-25).',
)

/** Requests from the bridge to the client, with the bridge's own ids. */
interface ClientRequests extends Pick<Client, 'ask' | 'withdraw'> {
  /** Handles a response from the client; returns false if no request is waiting for it. */
  take(response: RpcResponse): boolean
}

function createClientRequests(tell: (message: Message) => void): ClientRequests {
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
        // The server that sent the request no longer expects a response.
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
