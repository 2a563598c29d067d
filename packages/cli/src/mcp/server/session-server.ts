import {
  type Answer,
  answerOf,
  isRequest,
  isResponse,
  type JsonObject,
  type Message,
  notification,
  type RpcRequest,
  stringIn,
} from '../messages/json-rpc.js'
import { brokenOff, ServerProblem } from '../messages/server-problem.js'
import { createSending } from './pace.js'
import { type Exchange, messagesIn, postMessage } from './post-message.js'

/** A server of 2025-11-25 or before, in a session that is opened anew where the server has lost it. */
export interface SessionServer {
  /** Opens the session; the answer is the server's to `initialize`. */
  open(exchange: Exchange): Promise<Answer>
  /** Whether the server gave the session an id: one that did not keeps nothing between two requests. */
  hasSession(): boolean
  /** The client is ready: the server is told, and may then send what belongs to no request. */
  ready(exchange: Exchange): Promise<void>
  /** @throws ServerProblem where it does not answer */
  request(request: RpcRequest, exchange: Exchange): Promise<Answer>
  /** Sends a notification, or an answer to a request of the server's. */
  pass(message: Message, exchange: Exchange): Promise<void>
  /** Ends the session. */
  close(): Promise<void>
}

export interface SessionServerOptions {
  host: string
  /** The parameters of `initialize`. */
  params: JsonObject
  /** Carries what belongs to no request: sends without asking anybody, until the bridge ends. */
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
  /** Ends the stream of the session that was. */
  let listening = new AbortController()
  /** What a new session must be told: requests by what they set. */
  const settings = new Map<string, RpcRequest>()
  /** Answers to what the server asks. */
  const sending = createSending()

  const headers = (): Record<string, string> => ({
    ...(session ? { 'mcp-protocol-version': session.version } : {}),
    ...(session?.id === undefined ? {} : { 'mcp-session-id': session.id }),
  })

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
    // What the server sends before it is heard is lost with many.
    const heard = new Promise<void>((resolve) => void listen(signal, resolve).finally(resolve))
    await Promise.race([heard, pause(longestUnheard, signal)])
  }

  async function post(message: Message, exchange: Exchange): Promise<void> {
    const response = await postMessage(message, headers(), exchange)
    await response.body?.cancel()
  }

  function pass(message: Message, exchange: Exchange): Promise<void> {
    return isResponse(message) ? sending.inTurn(() => postInTime(message, exchange)) : postInTime(message, exchange)
  }

  /** What nobody waits for does not wait for ever, either. */
  async function postInTime(message: Message, exchange: Exchange): Promise<void> {
    const late = new AbortController()
    const why = new ServerProblem(`${host} did not take a message in time.`)
    const timer = setTimeout(() => late.abort(why), longestTaking)
    try {
      await post(message, { ...exchange, signal: AbortSignal.any([exchange.signal, late.signal]) })
    } finally {
      clearTimeout(timer)
    }
  }

  /** Whether a server does not know the session: some say 400, which also means other things, but never in answer to a ping. */
  async function saysLost({ status }: Response, was: Session, exchange: Exchange): Promise<boolean> {
    if (status !== 400) return status === 404
    if (session !== was) return true
    const ping: RpcRequest = { jsonrpc: '2.0', id: 'countersign-ping', method: 'ping' }
    const response = await postMessage(ping, headers(), exchange)
    await response.body?.cancel()
    return response.status === 400 || response.status === 404 || session !== was
  }

  /** The session again, with what it had been told. */
  async function reopen(exchange: Exchange): Promise<void> {
    const answer = await open(exchange)
    if ('error' in answer) throw new ServerProblem(`${host} has lost the session, and opens no other.`)
    if (isReady) await ready(exchange)
    for (const request of settings.values()) {
      const response = await postMessage(request, headers(), exchange)
      await answerIn(response, request, exchange)
    }
  }

  /** The answer to a request; a stream that broke is taken up where the server lets it be. */
  async function answerIn(first: Response, request: RpcRequest, exchange: Exchange): Promise<Answer> {
    let response = first
    let lastId: string | undefined
    let cause: unknown
    let inVain = 0
    for (let tries = 0; tries < mostTries && inVain < mostInVain; tries++) {
      const before = lastId
      try {
        if (tries > 0) {
          await pause(1000 * 2 ** inVain, exchange.signal)
          response = await exchange.send({ headers: streamHeaders(lastId), signal: exchange.signal })
        }
        for await (const { message, eventId } of messagesIn(response, host)) {
          lastId = eventId ?? lastId
          if (message === undefined) continue
          if (!isResponse(message)) exchange.toClient(message)
          else if (message.id === request.id || message.id === null) return answerOf(message)
        }
      } catch (error) {
        // What the server says to a stream that is taken up says nothing of the request: it has come before.
        if (exchange.signal.aborted || (tries === 0 && error instanceof ServerProblem)) throw error
        cause = error
        if (tries > 0 && !mayPass(error)) break
      }
      if (lastId === undefined) break
      inVain = lastId === before ? inVain + 1 : 0
    }
    // The end of a stream says nothing to a server with sessions, and nobody hears what it finds any more.
    const { id: requestId, method } = request
    const cancelled = notification('notifications/cancelled', { requestId, reason: 'The answer broke off.' })
    if (method !== 'initialize') pass(cancelled, standing).catch(() => undefined)
    throw brokenOff(host, request, cause)
  }

  const streamHeaders = (lastId: string | undefined) => ({
    accept: 'text/event-stream',
    ...headers(),
    ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
  })

  /** Hears what the server sends of its own accord, as long as the session lasts. */
  async function listen(signal: AbortSignal, onHeard: () => void): Promise<void> {
    let lastId: string | undefined
    let wait = 1000
    while (!signal.aborted) {
      try {
        const response = await standing.send({ headers: streamHeaders(lastId), signal })
        if (!response.ok) {
          await response.body?.cancel()
          return
        }
        onHeard()
        for await (const { message, eventId } of messagesIn(response, host)) {
          wait = 1000
          lastId = eventId ?? lastId
          if (message === undefined || isResponse(message)) continue
          // What a server asks beside all calls, nobody counts.
          if (isRequest(message)) await sending.room()
          standing.toClient(message)
        }
      } catch (error) {
        if (error instanceof ServerProblem) return
      }
      await pause(wait, signal)
      wait = Math.min(wait * 2, longestWait)
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

/** Whether what kept a stream from being taken up may be over soon: the server cannot be reached, or does not do well. */
function mayPass(error: unknown): boolean {
  return error instanceof ServerProblem ? (error.status ?? 0) >= 500 : error instanceof TypeError
}

/** Remembers what a session was told, for the next one. */
function noteSetting(settings: Map<string, RpcRequest>, request: RpcRequest): void {
  const { method, params = {} } = request
  const of = `resource ${stringIn(params, 'uri')}`
  if (method === 'logging/setLevel') settings.set('level', request)
  if (method === 'resources/subscribe' && settings.size < mostSettings) settings.set(of, request)
  if (method === 'resources/unsubscribe') settings.delete(of)
}

/** Resolves early where the signal aborts. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    signal.addEventListener('abort', done, { once: true })
    if (signal.aborted) done()
  })
}

/** How often one stream is taken up again. */
const mostTries = 20

/** How often in a row that may bring nothing. */
const mostInVain = 3

/** Milliseconds that a server may take to receive what has no answer. */
const longestTaking = 30_000

/** Milliseconds between two tries to hear a server. */
const longestWait = 30_000

/** Milliseconds that a server may take before it is heard. */
const longestUnheard = 500

const mostSettings = 1000
