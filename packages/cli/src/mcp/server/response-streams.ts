import { type Answer, answerOf, isRequest, isResponse, type RpcRequest } from '../messages/json-rpc.js'
import { interruptedResponse, ServerProblem } from '../messages/server-problem.js'
import type { Sending } from './pace.js'
import { type Exchange, messagesIn } from './post-message.js'

interface ReadOptions {
  host: string
  exchange: Exchange
  /** Returns the session's headers. */
  headers: () => Record<string, string>
  /** Called before the promise rejects because the response was lost. */
  onBroken: () => void
}

/** Maximum number of attempts for one stream. */
const maxTries = 20

/** Maximum number of consecutive attempts that return nothing new. */
const mostInVain = 3

/**
 * Reads the response to a request, and resumes an interrupted stream if the server supports it. Other messages are passed to the exchange.
 *
 * @throws ServerProblem if the response is lost
 */
export async function readAnswer(first: Response, request: RpcRequest, options: ReadOptions): Promise<Answer> {
  const { host, exchange, headers } = options
  let response = first
  let lastId: string | undefined
  let cause: unknown
  let emptyAttempts = 0
  for (let tries = 0; tries < maxTries && emptyAttempts < mostInVain; tries++) {
    const before = lastId
    try {
      if (tries > 0) {
        await pause(1000 * 2 ** emptyAttempts, exchange.signal)
        response = await exchange.send({ headers: streamHeaders(headers(), lastId), signal: exchange.signal })
      }
      for await (const { message, eventId } of messagesIn(response, host)) {
        lastId = eventId ?? lastId
        if (message === undefined) continue
        if (!isResponse(message)) exchange.toClient(message)
        else if (message.id === request.id || message.id === null) return answerOf(message)
      }
    } catch (error) {
      // A server that refuses to resume the stream had already accepted the request, so the request has not necessarily failed.
      if (exchange.signal.aborted || (tries === 0 && error instanceof ServerProblem)) throw error
      cause = error
      if (tries > 0 && !isTemporary(error)) break
    }
    if (lastId === undefined) break
    emptyAttempts = lastId === before ? emptyAttempts + 1 : 0
  }
  options.onBroken()
  throw interruptedResponse(host, request, cause)
}

interface HearOptions {
  host: string
  standing: Exchange
  /** Returns the session's headers. */
  headers: () => Record<string, string>
  /** Closes the stream when it aborts. */
  signal: AbortSignal
  sending: Sending
  /** Called when the stream is open. */
  onHeard: () => void
}

/** Maximum delay between two attempts to open the stream, in milliseconds. */
const longestWait = 30_000

/**
 * Forwards what the server sends outside of requests for as long as the session lasts. Resolves early if the server offers no such stream.
 */
export async function listenToServer({
  host,
  standing,
  headers,
  signal,
  sending,
  onHeard,
}: HearOptions): Promise<void> {
  let lastId: string | undefined
  let wait = 1000
  while (!signal.aborted) {
    try {
      const response = await standing.send({ headers: streamHeaders(headers(), lastId), signal })
      if (!response.ok) {
        await response.body?.cancel()
        return
      }
      onHeard()
      for await (const { message, eventId } of messagesIn(response, host)) {
        wait = 1000
        lastId = eventId ?? lastId
        if (message === undefined || isResponse(message)) continue
        // No per-call limit applies to requests outside of calls.
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

function streamHeaders(headers: Record<string, string>, lastId: string | undefined): Record<string, string> {
  return { accept: 'text/event-stream', ...headers, ...(lastId === undefined ? {} : { 'last-event-id': lastId }) }
}

/** Whether resuming a stream may succeed later, because the server is unreachable or has returned a server error. */
function isTemporary(error: unknown): boolean {
  return error instanceof ServerProblem ? (error.status ?? 0) >= 500 : error instanceof TypeError
}

/** Resolves early if the signal aborts. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
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
