import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Duplex, Readable } from 'node:stream'
import { joinReasons } from 'countersign/editions'
import { type ClientDisconnect, type TrackedRequest, UpstreamFailure, type UpstreamOutcome } from '../events.js'
import type { Connections, Upstream } from './connections.js'

/** Sends a request to the upstream, and emits an event with the outcome. @throws UpstreamFailure */
export async function requestUpstream(
  forwarded: UpstreamRequest,
  transport: UpstreamTransport,
  { tell, route }: TrackedRequest,
): Promise<UpstreamResponse> {
  const began = performance.now()
  const duration = () => (performance.now() - began) / 1000
  try {
    const reply = await sendUpstream(forwarded, transport)
    const status = reply.answer.statusCode
    tell?.({ kind: 'upstream', route, outcome: 'answered', status, duration: duration() })
    return reply
  } catch (error) {
    // A client that disconnected is no failure of the API.
    if (error instanceof UpstreamFailure && !transport.disconnect.hasHappened)
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
  /** Alternating names and values. */
  headers: readonly string[]
  /** The content, from its start; may be called again. Undefined if there is none. */
  content: (() => Readable) | undefined
  isUpgrade: boolean
  /** Whether its connection ends with it. */
  isLast: boolean
}

/** Timeouts of requests to an upstream. */
export interface UpstreamWaits {
  /** Until the connection is established. */
  connection: Deadlines
  /** Until the head of the response. */
  answer: Deadlines
}

/** A response of the upstream, with the connection if it was upgraded. */
export interface UpstreamResponse {
  answer: IncomingMessage
  upgraded?: { socket: Duplex; head: Buffer }
}

/** How to send a request. */
interface UpstreamTransport {
  upstream: Upstream
  waits: UpstreamWaits
  connections: Connections
  /** Nothing is sent for a client that has disconnected. */
  disconnect: ClientDisconnect
  onInformation: (status: number, rawHeaders: readonly string[]) => void
}

/** Methods that may be sent twice (RFC 9110 §9.2.2). */
const repeatable: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** @throws UpstreamFailure */
async function sendUpstream(forwarded: UpstreamRequest, transport: UpstreamTransport): Promise<UpstreamResponse> {
  try {
    return await sendOnce(forwarded, transport)
  } catch (error) {
    // The upstream may just have closed the kept connection.
    if (!(error instanceof StaleConnection) || !repeatable.has(forwarded.method) || transport.disconnect.hasHappened)
      throw error
    return sendOnce(forwarded, transport)
  }
}

/** Most 1xx responses to one request: it waits for each, and the client may read none. */
const mostInformation = 32

class StaleConnection extends UpstreamFailure {}

const unreadable = 'The API behind this gateway cannot be reached, or gave no answer that can be read.'

function sendOnce(forwarded: UpstreamRequest, transport: UpstreamTransport): Promise<UpstreamResponse> {
  const { method, rawTarget, headers, content, isUpgrade, isLast } = forwarded
  const { upstream, connections, waits, disconnect } = transport
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
    // Node.js would silently drop headers above its limit.
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
      if (informed <= mostInformation) transport.onInformation(statusCode, rawHeaders)
      else refuse(`more than ${mostInformation} answers of 1xx`)
    })
    const refuse = (problem: string): void => {
      fail(new UpstreamFailure('upstream_failed', 'unreadable', unreadable, { cause: new Error(problem) }))
      request.destroy()
    }
    request.once('response', (answer) => {
      const problem = problemOf(answer)
      if (problem !== undefined) return refuse(problem)
      // Without a length, a connection that breaks off would look like the end of the response.
      request.once('error', (cause) => answer.complete || answer.destroy(cause))
      // Content after such a response would be taken for the next response.
      if (answer.statusCode === 204 || answer.statusCode === 304) request.shouldKeepAlive = false
      // The rest of an upload is not sent once its response is complete.
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

/** Why a response cannot be forwarded faithfully, if it cannot. */
function problemOf({ statusCode = 0, headers, rawHeaders }: IncomingMessage): string | undefined {
  // The limit of requests. A client with this limit would miss the headers that the gateway adds.
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

/** A running timeout. */
interface Wait {
  /** In milliseconds. */
  due: number
  onLate: () => void
}

/** Timeouts of one length, most of which end early: they share one timer. */
export class Deadlines {
  readonly #length: number
  /** In the order in which they are due. */
  readonly #waits = new Set<Wait>()
  #isTimed = false

  constructor(seconds: number) {
    this.#length = seconds * 1000
  }

  /** Starts a timeout. The callback is not called once it has ended. */
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
    // The request keeps the process running, not the timer.
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
