import { type Answer, answerOf, isRequest, isResponse, type RpcRequest } from '../messages/json-rpc.js'
import { brokenOff, ServerProblem } from '../messages/server-problem.js'
import type { Sending } from './pace.js'
import { type Exchange, messagesIn } from './post-message.js'

interface ReadOptions {
  host: string
  exchange: Exchange
  /** The headers of the session. */
  headers: () => Record<string, string>
  /** Called before the rejection where the response is lost. */
  onBroken: () => void
}

/** How often one stream is resumed. */
const mostTries = 20

/** How often in a row that may bring nothing. */
const mostInVain = 3

/**
 * Reads the response to a request, and resumes a stream that broke where the server supports it. Other messages go to the exchange.
 *
 * @throws ServerProblem where the response is lost
 */
export async function readAnswer(first: Response, request: RpcRequest, options: ReadOptions): Promise<Answer> {
  const { host, exchange, headers } = options
  let response = first
  let lastId: string | undefined
  let cause: unknown
  let inVain = 0
  for (let tries = 0; tries < mostTries && inVain < mostInVain; tries++) {
    const before = lastId
    try {
      if (tries > 0) {
        await pause(1000 * 2 ** inVain, exchange.signal)
        response = await exchange.send({ headers: streamHeaders(headers(), lastId), signal: exchange.signal })
      }
      for await (const { message, eventId } of messagesIn(response, host)) {
        lastId = eventId ?? lastId
        if (message === undefined) continue
        if (!isResponse(message)) exchange.toClient(message)
        else if (message.id === request.id || message.id === null) return answerOf(message)
      }
    } catch (error) {
      // A refusal to resume the stream says nothing about the request itself, which the server has accepted.
      if (exchange.signal.aborted || (tries === 0 && error instanceof ServerProblem)) throw error
      cause = error
      if (tries > 0 && !isTemporary(error)) break
    }
    if (lastId === undefined) break
    inVain = lastId === before ? inVain + 1 : 0
  }
  options.onBroken()
  throw brokenOff(host, request, cause)
}

interface HearOptions {
  host: string
  standing: Exchange
  /** The headers of the session. */
  headers: () => Record<string, string>
  /** Ends the stream. */
  signal: AbortSignal
  sending: Sending
  /** Called when the stream is open. */
  onHeard: () => void
}

/** Milliseconds between two attempts to open the stream, at most. */
const longestWait = 30_000

/** Passes on what the server sends outside of requests, as long as the session lasts. Resolves early where it has no such stream. */
export async function hearServer({ host, standing, headers, signal, sending, onHeard }: HearOptions): Promise<void> {
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
        // Requests outside of calls have no count that bounds them.
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

/** Whether resuming a stream may succeed later: the server is unreachable, or has an error of its own. */
function isTemporary(error: unknown): boolean {
  return error instanceof ServerProblem ? (error.status ?? 0) >= 500 : error instanceof TypeError
}

/** Resolves early where the signal aborts. */
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
