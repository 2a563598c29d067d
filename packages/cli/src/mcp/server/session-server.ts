import {
  type Answer,
  isResponse,
  type JsonObject,
  type Message,
  notification,
  type RpcRequest,
  stringIn,
} from '../messages/json-rpc.js'
import { ServerProblem } from '../messages/server-problem.js'
import { createSending } from './pace.js'
import { type Exchange, postMessage } from './post-message.js'
import { listenToServer, pause, readAnswer } from './response-streams.js'

/** A server of 2025-11-25 or earlier, with a session that is reopened if the server loses it. */
export interface SessionServer {
  /** Opens the session, and returns the server's response to `initialize`. */
  open(exchange: Exchange): Promise<Answer>
  /** Whether the server assigned a session id. Without one, the server is stateless. */
  hasSession(): boolean
  /** Sends `notifications/initialized`, and opens the stream for messages outside of requests. */
  ready(exchange: Exchange): Promise<void>
  /** @throws ServerProblem if the server does not respond */
  request(request: RpcRequest, exchange: Exchange): Promise<Answer>
  /** Sends a notification, or a response to a server's request. */
  pass(message: Message, exchange: Exchange): Promise<void>
  /** Ends the session. */
  close(): Promise<void>
}

export interface SessionServerOptions {
  host: string
  /** The parameters of `initialize`. */
  params: JsonObject
  /** Carries messages outside of requests until the bridge shuts down, without prompting the user. */
  standing: Exchange
}

interface Session {
  id: string | undefined
  version: string
}

export function createSessionServer({ host, params, standing }: SessionServerOptions): SessionServer {
  let session: Session | undefined
  let reopening: Promise<void> | undefined
  let isReady = false
  /** Closes the stream of the previous session. */
  let listening = new AbortController()
  /** Requests to repeat in a new session, keyed by the setting that they change. */
  const settings = new Map<string, RpcRequest>()
  /** Queue of responses to the server's requests. */
  const sending = createSending()

  const headers = (): Record<string, string> => ({
    ...(session ? { 'mcp-protocol-version': session.version } : {}),
    ...(session?.id === undefined ? {} : { 'mcp-session-id': session.id }),
  })

  /**
   * Reads the response to a request. If the stream breaks, the request is canceled, because otherwise a server with sessions would continue
   * to process it.
   */
  async function answerIn(response: Response, request: RpcRequest, exchange: Exchange): Promise<Answer> {
    const onBroken = () => {
      const params = { requestId: request.id, reason: 'The response was interrupted.' }
      if (request.method !== 'initialize')
        pass(notification('notifications/cancelled', params), standing).catch(() => undefined)
    }
    return readAnswer(response, request, { host, exchange, headers, onBroken })
  }

  async function open(exchange: Exchange): Promise<Answer> {
    const request: RpcRequest = { jsonrpc: '2.0', id: 'countersign-initialize', method: 'initialize', params }
    const response = await postMessage(request, {}, exchange)
    const id = response.headers.get('mcp-session-id') ?? undefined
    const answer = await answerIn(response, request, exchange)
    if ('result' in answer) session = { id, version: stringIn(answer.result, 'protocolVersion') }
    return answer
  }

  async function ready(exchange: Exchange): Promise<void> {
    isReady = true
    await post(notification('notifications/initialized'), exchange)
    listening.abort()
    listening = new AbortController()
    const signal = AbortSignal.any([listening.signal, standing.signal])
    // Many servers drop messages that they send before this stream is open.
    const heard = new Promise<void>((resolve) => {
      void listenToServer({ host, standing, headers, signal, sending, onHeard: resolve }).finally(resolve)
    })
    await Promise.race([heard, pause(longestUnheard, signal)])
  }

  async function post(message: Message, exchange: Exchange): Promise<void> {
    const response = await postMessage(message, headers(), exchange)
    await response.body?.cancel()
  }

  function pass(message: Message, exchange: Exchange): Promise<void> {
    const send = () => inTime(exchange, host, (given) => post(message, given))
    return isResponse(message) ? sending.inTurn(send) : send()
  }

  /**
   * Whether the server has lost the session. Some servers respond with 400, which can also mean other things, except in response to a ping.
   */
  async function saysLost({ status }: Response, was: Session, exchange: Exchange): Promise<boolean> {
    if (status !== 400) return status === 404
    if (session !== was) return true
    const ping: RpcRequest = { jsonrpc: '2.0', id: 'countersign-ping', method: 'ping' }
    const response = await postMessage(ping, headers(), exchange)
    await response.body?.cancel()
    return response.status === 400 || response.status === 404 || session !== was
  }

  /** Opens a new session, and restores the settings of the previous one. */
  async function reopen(exchange: Exchange): Promise<void> {
    const answer = await open(exchange)
    if ('error' in answer) throw new ServerProblem(`${host} has lost the session, and refuses to open another one.`)
    if (isReady) await ready(exchange)
    for (const request of settings.values()) {
      const response = await postMessage(request, headers(), exchange)
      await answerIn(response, request, exchange)
    }
  }

  return {
    open,
    hasSession: () => session?.id !== undefined,
    ready,
    pass,
    async request(request, exchange) {
      for (let tries = 0; ; tries++) {
        if (reopening) await reopening
        const was = session
        const response = await postMessage(request, headers(), exchange)
        const isLost = tries === 0 && was?.id !== undefined && (await saysLost(response, was, exchange))
        if (!isLost) {
          const answer = await answerIn(response, request, exchange)
          if ('result' in answer) noteSetting(settings, request)
          return answer
        }
        await response.body?.cancel()
        if (session === was)
          reopening ??= reopen(exchange).finally(() => {
            reopening = undefined
          })
        await reopening
      }
    },
    async close() {
      listening.abort()
      if (session?.id === undefined) return
      const signal = AbortSignal.timeout(1000)
      const response = await standing.send({ method: 'DELETE', headers: headers(), signal }).catch(() => undefined)
      await response?.body?.cancel()
      session = undefined
    },
  }
}

/** Limits the time that the server may take to accept a message that gets no response. */
async function inTime(exchange: Exchange, host: string, send: (exchange: Exchange) => Promise<void>): Promise<void> {
  const late = new AbortController()
  const why = new ServerProblem(`${host} did not accept a message in time.`)
  const timer = setTimeout(() => late.abort(why), longestTaking)
  try {
    await send({ ...exchange, signal: AbortSignal.any([exchange.signal, late.signal]) })
  } finally {
    clearTimeout(timer)
  }
}

/** Records a setting for the next session. */
function noteSetting(settings: Map<string, RpcRequest>, request: RpcRequest): void {
  const { method, params = {} } = request
  const of = `resource ${stringIn(params, 'uri')}`
  if (method === 'logging/setLevel') settings.set('level', request)
  if (method === 'resources/subscribe' && settings.size < mostSettings) settings.set(of, request)
  if (method === 'resources/unsubscribe') settings.delete(of)
}

/** Milliseconds. */
const longestTaking = 30_000

/** How long to wait for the stream of a new session, in milliseconds. */
const longestUnheard = 500

const mostSettings = 1000
