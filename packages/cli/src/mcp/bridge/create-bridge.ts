import { AnsweredInstead, answerInWords } from '../consent/consent-asker.js'
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
  /** Why the server gave no answer, in a sentence. */
  describe: (error: unknown) => string
}

/** What stands between a client that speaks in lines and a server that is asked by HTTP. */
export interface Bridge {
  receive(message: Message): void
  /** A person has allowed something. */
  allowed(): void
  close(): Promise<void>
}

export function createBridge({ tell, describe, ...options }: BridgeOptions): Bridge {
  const ending = new AbortController()
  const requests = createClientRequests(tell)
  /** A client may try one era before the other. */
  const connections = new Map<Era, Connection>()
  const running = new Map<RpcRequest['id'], AbortController>()

  /** What a server says: it takes its questions back by ids of its own, and could name one of ours. */
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
    // Who gave up waits for nothing.
    if (signal.aborted) return
    try {
      tell({ jsonrpc: '2.0', id, ...cleanedAnswer(given, options.onProblem) })
    } catch (error) {
      options.onProblem(describe(error))
      tell({ jsonrpc: '2.0', id, ...answerInWords({ request, client: { era } }, lost) })
    }
  }

  async function answered(request: RpcRequest, era: Era, signal: AbortSignal): Promise<Answer> {
    if (era === 'sessions' && request.method !== 'initialize' && !connections.has('sessions')) return notOpened
    try {
      return await connectionOf(era).answer(request, signal)
    } catch (error) {
      if (error instanceof AnsweredInstead) return error.answer
      const text = describe(error)
      const more = error instanceof ServerProblem ? error.forPerson : undefined
      if (!signal.aborted) options.onProblem(more === undefined ? text : `${text} ${more}`)
      return answerInWords({ request, client: { era } }, text)
    }
  }

  function notify(message: RpcNotification): void {
    const { method, params = {} } = message
    const { requestId } = params
    const abort = method === 'notifications/cancelled' ? running.get(requestId as RpcRequest['id']) : undefined
    const connection = connections.get('sessions') ?? connections.get('stateless')
    void (connection?.notify(message, ending.signal) ?? Promise.resolve())
      .catch((error: unknown) => options.onProblem(describe(error)))
      .finally(() => abort?.abort(new Error('the client gave the request up')))
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
      ending.abort(new Error('the bridge ends'))
    },
  }
}

const lost = 'The answer of the server could not be passed on.'

const notOpened = refusal(
  rpcCodes.invalidRequest,
  'A request needs _meta with its protocol version (2026-07-28), or initialize before it (2025-11-25).',
)

/** Requests that the client is asked, by ids of the bridge's own. */
interface ClientRequests extends Pick<Client, 'ask' | 'withdraw'> {
  /** Takes an answer of the client; false for one that nobody waits for. */
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
