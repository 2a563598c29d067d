import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { Duplex, Readable } from 'node:stream'
import { joinReasons } from 'countersign/editions'
import { type ClientDisconnect, type TrackedRequest, UpstreamFailure, type UpstreamOutcome } from './events.js'

/** The address of the API behind the gateway. */
export interface Upstream {
  readonly secure: boolean
  /** Its host and port as they appear in a `Host` header: a default port is omitted. */
  readonly authority: string
  readonly hostname: string
  readonly port: number
}

/** The address of the API, and how it interprets requests. */
export interface UpstreamOptions {
  /** A scheme, a host and a port, such as `http://127.0.0.1:3000`. */
  url: string
  /** `raw`: the API matches encoded paths, so that `%2F` in an id is not a slash. @default the API may decode paths first */
  matches?: 'raw' | undefined
  /**
   * Whether `Host` is the host in the resource's identifier, so that the API can build public URLs. `Host` never comes from the client.
   * @default false: the host of `url`
   */
  preserveHost?: boolean | undefined
}

/** Expands an upstream that is given as just its URL. */
export function upstreamOptions(given: string | UpstreamOptions): UpstreamOptions {
  return typeof given === 'string' ? { url: given } : given
}

/** The connection pools of a gateway, for all of its upstreams. */
export interface Connections {
  /**
   * @param isLast whether the connection closes after the request. If the upstream does not read all of the content, or sends content that
   * is not read, the rest would otherwise be parsed as the next request or response.
   */
  agent(secure: boolean, isLast: boolean): HttpAgent
  close(): void
}

export function createConnections(): Connections {
  // Most servers keep idle connections open for 5 seconds or longer. This timeout does not close connections that are in use.
  const kept = { keepAlive: true, timeout: 4000, maxFreeSockets: 256 }
  const agents = {
    http: { kept: watchIdle(new HttpAgent(kept)), once: new HttpAgent() },
    https: { kept: watchIdle(new HttpsAgent(kept)), once: new HttpsAgent() },
  }
  return {
    agent: (secure, isLast) => agents[secure ? 'https' : 'http'][isLast ? 'once' : 'kept'],
    close() {
      for (const { kept, once } of Object.values(agents)) {
        kept.destroy()
        once.destroy()
      }
    },
  }
}

/** Closes an idle connection if the upstream sends data on it. */
function watchIdle<Agent extends HttpAgent>(agent: Agent): Agent {
  const keep = agent.keepSocketAlive.bind(agent)
  const reuse = agent.reuseSocket.bind(agent)
  agent.keepSocketAlive = (socket) => {
    socket.once('data', closeUnsolicited)
    return keep(socket)
  }
  agent.reuseSocket = (socket, request) => {
    socket.off('data', closeUnsolicited)
    reuse(socket, request)
  }
  return agent
}

function closeUnsolicited(this: Duplex): void {
  this.destroy()
}

/** Returns the problem with an upstream URL; undefined if the URL is valid. */
export function upstreamProblem(text: string): string | undefined {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
  const isHttp = url && ['http:', 'https:'].includes(url.protocol)
  const isBare = url && `${url.username}${url.password}${url.search}${url.hash}` === '' && url.pathname === '/'
  return isHttp && isBare ? undefined : 'must be a scheme, host and port without a path, such as http://127.0.0.1:3000'
}

/** @throws TypeError if the URL is not an origin */
export function parseUpstream(text: string): Upstream {
  const problem = upstreamProblem(text)
  if (problem !== undefined) throw new TypeError(`upstream ${problem}`)
  const url = new URL(text)
  const secure = url.protocol === 'https:'
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return { secure, authority: url.host, hostname, port: Number(url.port === '' ? (secure ? 443 : 80) : url.port) }
}

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
    // If the client disconnects, the API has not failed.
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
  /** The request target as the client sent it. */
  rawTarget: string
  /** Alternating names and values. */
  headers: readonly string[]
  /** Returns the content from its start; may be called repeatedly. Undefined if there is no content. */
  content: (() => Readable) | undefined
  isUpgrade: boolean
  /** Whether the connection closes after the request. */
  isLast: boolean
  /** Whether the client may use OAuth, which would treat the API's own challenge as the gateway's. */
  acceptsOAuth: boolean
  /** Whether the client may follow a redirect. @default true */
  mayRedirect?: boolean
}

/** Timeouts of requests to an upstream, in seconds. */
interface UpstreamWaits {
  /** Time to establish the connection. */
  connectTimeout: number
  /** Time to receive the response headers. */
  responseTimeout: number
}

/** A response from the upstream, with the connection if it was upgraded. */
export interface UpstreamResponse {
  answer: IncomingMessage
  upgraded?: { socket: Duplex; head: Buffer }
}

/** The connection settings of a request. */
interface UpstreamTransport {
  upstream: Upstream
  waits: UpstreamWaits
  connections: Connections
  /** Aborts the request if the client has disconnected. */
  disconnect: ClientDisconnect
}

/** Idempotent methods, which may be retried (RFC 9110 §9.2.2). */
const repeatable: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** @throws UpstreamFailure */
async function sendUpstream(forwarded: UpstreamRequest, transport: UpstreamTransport): Promise<UpstreamResponse> {
  try {
    return await sendOnce(forwarded, transport)
  } catch (error) {
    // The upstream may just have closed the kept-alive connection.
    if (!(error instanceof StaleConnection) || !repeatable.has(forwarded.method) || transport.disconnect.hasHappened)
      throw error
    return sendOnce(forwarded, transport)
  }
}

/** Maximum number of 1xx responses to one request. None of them are forwarded. */
const mostInformation = 32

class StaleConnection extends UpstreamFailure {}

const unreadable = 'The API behind this gateway cannot be reached, or its response cannot be read.'
const challenged = 'The API behind this gateway requires credentials that the gateway does not forward.'

function sendOnce(forwarded: UpstreamRequest, transport: UpstreamTransport): Promise<UpstreamResponse> {
  const { method, rawTarget, headers, content, isUpgrade, isLast, acceptsOAuth } = forwarded
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
    let timer: NodeJS.Timeout | undefined
    const settle = (reply: UpstreamResponse): void => {
      isSettled = true
      clearTimeout(timer)
      resolve(reply)
    }
    const fail = (error: UpstreamFailure): void => {
      isSettled = true
      clearTimeout(timer)
      reject(error)
      request.destroy()
    }
    const refuse = (problem: string) =>
      fail(new UpstreamFailure('upstream_failed', 'unreadable', unreadable, { cause: new Error(problem) }))
    const allow = (seconds: number, outcome: UpstreamOutcome, message: string): void => {
      clearTimeout(timer)
      // The request, not this timer, keeps the process running.
      timer = setTimeout(() => fail(new UpstreamFailure('upstream_late', outcome, message)), seconds * 1000).unref()
    }
    const waitForAnswer = () => {
      isConnected = true
      allow(waits.responseTimeout, 'late', 'The API behind this gateway did not respond in time.')
    }
    request.once('socket', (socket) => {
      if (request.reusedSocket) return waitForAnswer()
      allow(waits.connectTimeout, 'unreachable', 'The API behind this gateway could not be reached in time.')
      socket.once(upstream.secure ? 'secureConnect' : 'connect', waitForAnswer)
    })
    let informed = 0
    request.on('information', () => {
      if (++informed > mostInformation) refuse(`more than ${mostInformation} responses with a 1xx status`)
    })
    request.once('response', (answer) => {
      const problem = problemOf(answer, forwarded)
      if (problem !== undefined) return refuse(problem)
      if (acceptsOAuth && isChallenge(answer)) {
        const cause = new Error(`a response with status ${answer.statusCode} that demands other credentials`)
        return fail(new UpstreamFailure('upstream_failed', 'challenged', challenged, { cause }))
      }
      // If the length is unknown, a broken connection would look like the end of the response.
      request.once('error', (cause) => answer.complete || answer.destroy(cause))
      // Content after such a response would be parsed as the next response.
      if (answer.statusCode === 204 || answer.statusCode === 304) request.shouldKeepAlive = false
      // If the response is complete before the upload is, the rest of the upload is not sent.
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

/** Returns why a response cannot be forwarded faithfully; undefined if it can be. */
function problemOf(
  { statusCode, headers, rawHeaders }: IncomingMessage,
  { mayRedirect = true }: UpstreamRequest,
): string | undefined {
  // This is the same limit as for requests. A client with this limit would not see the headers that the gateway adds.
  if (rawHeaders.length / 2 > 1000) return 'a response with more than 1000 header lines'
  const status = statusCode as number
  if (status < 200 || status > 599) return `a response with status ${status}`
  // A client would send its access token to the other path, which may belong to another program.
  if (!mayRedirect && status >= 300 && status < 400 && status !== 304)
    return `a redirect with status ${status}, which clients with access tokens must not follow`
  const coding = headers['transfer-encoding'] ?? 'chunked'
  return coding.toLowerCase() === 'chunked' ? undefined : `a response with the transfer coding ${coding}`
}

/** Whether an OAuth client would ask its user to authorize it at an auth server that the API names, or to authorize it again. */
function isChallenge({ statusCode, headers }: IncomingMessage): boolean {
  return statusCode === 401 || (statusCode === 403 && headers['www-authenticate'] !== undefined)
}

function failure(request: ClientRequest, isConnected: boolean, cause?: Error): UpstreamFailure {
  const code = cause && 'code' in cause ? String(cause.code) : ''
  const isReset = code === 'ECONNRESET' || code === 'EPIPE'
  if (isReset && request.reusedSocket) return new StaleConnection('upstream_failed', 'reset', unreadable, { cause })
  const answered = code.startsWith('HPE_') ? 'unreadable' : 'reset'
  return new UpstreamFailure('upstream_failed', isConnected ? answered : 'unreachable', unreadable, { cause })
}
