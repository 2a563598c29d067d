import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Duplex, Readable } from 'node:stream'
import { joinReasons } from 'countersign/wire'
import { UpstreamFailure, type UpstreamOutcome } from '../events/refusals.js'
import type { ClientDisconnect, TrackedRequest } from '../events/request-events.js'
import type { Connections, Upstream } from './connections.js'

/** Sends a request to the upstream, and emits an event with the outcome. @throws UpstreamFailure */
export async function requestUpstream(
  forwarded: UpstreamRequest,
  way: UpstreamTransport,
  { tell, route }: TrackedRequest,
): Promise<UpstreamResponse> {
  const began = performance.now()
  const duration = () => (performance.now() - began) / 1000
  try {
    const reply = await sendUpstream(forwarded, way)
    const status = reply.answer.statusCode
    tell?.({ kind: 'upstream', route, outcome: 'answered', status, duration: duration() })
    return reply
  } catch (error) {
    // A client that disconnected is no failure of the API.
    if (error instanceof UpstreamFailure && !way.disconnect.hasHappened)
      tell?.({ kind: 'upstream', route, outcome: error.outcome, duration: duration(), reason: reasonOf(error) })
    throw error
  }
}

function reasonOf(error: UpstreamFailure): string {
  const { cause, message } = error
  return joinReasons([cause instanceof Error && cause.message !== '' ? cause.message : message])
}

/** A request for the upstream. */
interface UpstreamRequest {
  method: string
  /** As the client sent it. */
  rawTarget: string
  /** Names and values in turn. */
  headers: readonly string[]
  /** The content, from its beginning; undefined where there is none. */
  content: (() => Readable) | undefined
  isUpgrade: boolean
  /** Whether its connection ends with it. */
  isLast: boolean
}

/** Timeouts of requests to an upstream. */
export interface UpstreamWaits {
  /** Until a connection stands. */
  connection: Deadlines
  /** Until the head of the answer. */
  answer: Deadlines
}

/** A response of the upstream, with the connection if it was upgraded. */
export interface UpstreamResponse {
  answer: IncomingMessage
  upgraded?: { socket: Duplex; head: Buffer }
}

/** How a request gets there. */
interface UpstreamTransport {
  upstream: Upstream
  waits: UpstreamWaits
  connections: Connections
  /** Of the client: nothing is sent for who is gone. */
  disconnect: ClientDisconnect
  onInformation: (status: number, rawHeaders: readonly string[]) => void
}

/** Methods that may be sent twice (RFC 9110 §9.2.2). */
const repeatable: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** @throws UpstreamFailure */
async function sendUpstream(forwarded: UpstreamRequest, way: UpstreamTransport): Promise<UpstreamResponse> {
  try {
    return await sendOnce(forwarded, way)
  } catch (error) {
    // A kept connection may have been closed by the other side just before.
    if (!(error instanceof StaleConnection) || !repeatable.has(forwarded.method) || way.disconnect.hasHappened)
      throw error
    return sendOnce(forwarded, way)
  }
}

/** Most answers of 1xx that a request may have before its answer: it waits for one, and a client may read none. */
const mostInformation = 32

class StaleConnection extends UpstreamFailure {}

const unreadable = 'The API behind this gateway cannot be reached, or gave no answer that can be read.'

function sendOnce(forwarded: UpstreamRequest, way: UpstreamTransport): Promise<UpstreamResponse> {
  const { method, rawTarget, headers, content, isUpgrade, isLast } = forwarded
  const { upstream, connections, waits, disconnect } = way
  return new Promise((resolve, reject) => {
    const options = {
      method,
      path: rawTarget,
      headers: headers as string[],
      host: upstream.hostname,
      port: upstream.port,
      maxHeaderSize: 65_536,
      agent: connections.agent(upstream.secure, isLast),
    }
    const request = upstream.secure ? httpsRequest(options) : httpRequest(options)
    // Node would leave out what is beyond its limit without a word.
    request.maxHeadersCount = 0
    let isConnected = false
    let isSettled = false
    let stopWaiting: () => void = () => undefined
    const allow = (deadlines: Deadlines, outcome: UpstreamOutcome, text: string): void => {
      stopWaiting()
      const wait = deadlines.begin(() => {
        fail(new UpstreamFailure('upstream_late', outcome, text))
        request.destroy()
      })
      stopWaiting = () => deadlines.end(wait)
    }
    const settle = (reply: UpstreamResponse): void => {
      isSettled = true
      stopWaiting()
      resolve(reply)
    }
    const fail = (error: UpstreamFailure): void => {
      isSettled = true
      stopWaiting()
      reject(error)
    }
    const waitForAnswer = () => {
      isConnected = true
      allow(waits.answer, 'late', 'The API behind this gateway did not answer in time.')
    }
    request.once('socket', (socket) => {
      if (request.reusedSocket) return waitForAnswer()
      allow(waits.connection, 'unreachable', 'The API behind this gateway could not be reached in time.')
      socket.once(upstream.secure ? 'secureConnect' : 'connect', waitForAnswer)
    })
    let informed = 0
    request.on('information', ({ statusCode, rawHeaders }) => {
      informed++
      if (informed <= mostInformation) way.onInformation(statusCode, rawHeaders)
      else refuse(`more than ${mostInformation} answers of 1xx`)
    })
    const refuse = (problem: string): void => {
      fail(new UpstreamFailure('upstream_failed', 'unreadable', unreadable, { cause: new Error(problem) }))
      request.destroy()
    }
    request.once('response', (answer) => {
      const problem = problemOf(answer)
      if (problem !== undefined) return refuse(problem)
      // Without a length, a connection that breaks off would look like one that ends.
      request.once('error', (cause) => answer.complete || answer.destroy(cause))
      // Content behind an answer that has none would be taken for the next answer.
      if (answer.statusCode === 204 || answer.statusCode === 304) request.shouldKeepAlive = false
      // The rest of an upload that was answered before its end is not sent.
      answer.once('end', () => request.writableFinished || request.destroy())
      settle({ answer })
    })
    if (isUpgrade) request.once('upgrade', (answer, socket, head) => settle({ answer, upgraded: { socket, head } }))
    request.on('error', (cause) => isSettled || fail(failure(request, isConnected, cause)))
    request.once('close', () => isSettled || fail(failure(request, isConnected)))
    disconnect.onDisconnect(() => request.destroy())
    if (disconnect.hasHappened) request.destroy()
    else if (content)
      content()
        .once('error', (error) => request.destroy(error))
        .pipe(request)
    else request.end()
  })
}

/** What makes an answer one that cannot be passed on as it is meant. */
function problemOf({ statusCode = 0, headers, rawHeaders }: IncomingMessage): string | undefined {
  // As of requests. What reads no more would miss those of the gateway.
  if (rawHeaders.length > 2000) return 'an answer with more than 1000 header lines'
  if (statusCode < 200 || statusCode > 599) return `an answer of the status ${statusCode}`
  const coding = headers['transfer-encoding'] ?? 'chunked'
  return coding.toLowerCase() === 'chunked' ? undefined : `an answer in the coding ${coding}`
}

function failure(request: ClientRequest, isConnected: boolean, cause?: Error): UpstreamFailure {
  const code = cause && 'code' in cause ? String(cause.code) : ''
  const isReset = code === 'ECONNRESET' || code === 'EPIPE'
  if (isReset && request.reusedSocket) return new StaleConnection('upstream_failed', 'reset', unreadable, { cause })
  const answered = code.startsWith('HPE_') ? 'unreadable' : 'reset'
  return new UpstreamFailure('upstream_failed', isConnected ? answered : 'unreachable', unreadable, { cause })
}

/** Something that is waited for. */
interface Wait {
  /** In milliseconds. */
  due: number
  onLate: () => void
}

/** Waits that are all of one length, most of which end long before: one timer serves them, in place of one for each. */
export class Deadlines {
  readonly #length: number
  /** Those that began first are due first. */
  readonly #waits = new Set<Wait>()
  #isTimed = false

  constructor(seconds: number) {
    this.#length = seconds * 1000
  }

  /** Calls back when the time is over, unless it ends before. */
  begin(onLate: () => void): Wait {
    const wait = { due: performance.now() + this.#length, onLate }
    this.#waits.add(wait)
    if (!this.#isTimed) this.#lookIn(this.#length)
    return wait
  }

  end(wait: Wait): void {
    this.#waits.delete(wait)
  }

  #lookIn(time: number): void {
    this.#isTimed = true
    // What is waited for keeps the process, not the timer.
    setTimeout(() => this.#look(), time).unref()
  }

  #look(): void {
    this.#isTimed = false
    const now = performance.now()
    for (const wait of this.#waits) {
      if (wait.due > now) {
        this.#lookIn(wait.due - now)
        return
      }
      this.#waits.delete(wait)
      wait.onLate()
    }
  }
}
