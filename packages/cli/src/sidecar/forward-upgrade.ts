import { type ClientRequest, request as httpRequest, IncomingMessage, ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Agent } from 'countersign/agent'
import { checkRequest, type SidecarRules, type SidecarTarget } from './check-request.js'
import { requestHeaders, responseHeaders, UnforwardableResponse } from './forward-headers.js'
import { refuseFailed, refuseFor } from './refusals.js'

export interface UpgradeOptions extends SidecarRules {
  /** Signs handshakes as the agent. */
  signedHeaders: Agent['signedHeaders']
  onProblem: (text: string) => void
  /** Closes all WebSockets when it aborts. */
  ending: AbortSignal
}

/**
 * A request that upgrades its connection only to a WebSocket, for which the method must be GET (RFC 6455 §4.1). Clients that merely offer
 * another protocol, such as HTTP/2 (`h2c`), get an ordinary response.
 */
export class UpgradableRequest extends IncomingMessage {
  declare private isOffered: boolean | null

  /** Set by Node, even in the constructor of the base class. */
  set upgrade(isOffered: boolean | null) {
    this.isOffered = isOffered
  }

  get upgrade(): boolean {
    const { method, headers } = this
    const isWebSocket = method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'
    return this.isOffered === true && (method === 'CONNECT' || isWebSocket)
  }
}

/** One end of a WebSocket, with the bytes that followed the head of its handshake. */
interface End {
  socket: Duplex
  head: Buffer
}

/** Maximum amount of data that a program may send before its WebSocket is open, in bytes. */
const mostEarly = 65_536

/** Opens the WebSocket that a program requests, using a signed handshake, and connects the two ends. */
export async function forwardUpgrade(incoming: IncomingMessage, client: End, options: UpgradeOptions): Promise<void> {
  const { socket } = client
  const outgoing = new ServerResponse(incoming)
  outgoing.shouldKeepAlive = false
  outgoing.assignSocket(socket as Socket)
  socket.on('error', () => socket.destroy())
  outgoing.once('finish', () => socket.end(() => socket.destroy()))
  const { url: rawTarget = '', headers: given, headersDistinct } = incoming
  const { host: hosts = [] } = headersDistinct
  const asked = checkRequest({ method: incoming.method ?? '', rawTarget, headers: given, hosts }, options)
  if (!('url' in asked)) return refuseFor(outgoing, asked, options.onProblem)
  // If nothing were read, a program that closes its connection while a user decides would go unnoticed.
  let early = client.head
  const keepEarly = (chunk: Buffer) => {
    early = Buffer.concat([early, chunk])
    if (early.length > mostEarly) socket.destroy()
  }
  socket.on('data', keepEarly).once('end', () => socket.destroy())
  const gone = new AbortController()
  socket.once('close', () => gone.abort(new Error('the program disconnected')))
  const signal = AbortSignal.any([gone.signal, options.ending])
  try {
    const signed = await options.signedHeaders(asked.url, { signal })
    const headers = requestHeaders(incoming.rawHeaders, options.secret)
    for (const [name, value] of Object.entries(signed)) headers.set(name, value)
    const { answer, upgraded } = await shakeHands(asked.url, headers, signal)
    if (upgraded) {
      outgoing.detachSocket(socket as Socket)
      socket.off('data', keepEarly)
      const head = handshake(answer, asked, options.hosts)
      connectEnds(head, { socket, head: early }, { ...upgraded, ending: options.ending })
    } else await passRefusal(answer, outgoing, asked, options)
  } catch (error) {
    if (gone.signal.aborted || outgoing.headersSent) return void socket.destroy()
    refuseFailed(outgoing, error, { host: asked.url.host, onProblem: options.onProblem })
  }
}

/** Sends a handshake to exactly the URL that was signed. */
function shakeHands(
  url: URL,
  headers: Headers,
  signal: AbortSignal,
): Promise<{ answer: IncomingMessage; upgraded?: End }> {
  const path = url.pathname.replaceAll('^', '%5E') + url.search
  const request: ClientRequest = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
    path,
    headers: { ...Object.fromEntries(headers), host: url.host, connection: 'Upgrade', upgrade: 'websocket' },
    agent: false,
    signal,
  })
  return new Promise((resolve, reject) => {
    request.once('upgrade', (answer, socket, head) => resolve({ answer, upgraded: { socket, head } }))
    request.once('response', (answer) => resolve({ answer }))
    request.on('error', (cause) => reject(new TypeError('the handshake failed', { cause })))
    request.end()
  })
}

function headersOf(answer: IncomingMessage, asked: SidecarTarget, hosts: ReadonlySet<string>): [string, string][] {
  const { statusCode = 101 } = answer
  const status = statusCode === 101 ? 200 : statusCode
  const response = new Response(null, { status, headers: requestHeaders(answer.rawHeaders, undefined) })
  return responseHeaders(response, { ...asked, method: 'GET' }, hosts)
}

function handshake(answer: IncomingMessage, asked: SidecarTarget, hosts: ReadonlySet<string>): string {
  const headers = headersOf(answer, asked, hosts).map((header) => header.join(': '))
  return ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket', ...headers, '', ''].join(
    '\r\n',
  )
}

/** Passes on the response of a server that did not open a WebSocket. */
async function passRefusal(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  asked: SidecarTarget,
  { hosts, onProblem }: UpgradeOptions,
): Promise<void> {
  try {
    outgoing.writeHead(answer.statusCode ?? 502, headersOf(answer, asked, hosts).flat())
  } catch (error) {
    answer.destroy()
    if (!(error instanceof UnforwardableResponse)) throw error
    return refuseFor(outgoing, error.refusal(asked.url.host), onProblem)
  }
  await pipeline(answer, outgoing)
}

/** Connects both ends until one of them closes, or `ending` aborts. */
function connectEnds(head: string, client: End, server: End & { ending: AbortSignal }): void {
  const { ending } = server
  const close = () => {
    ending.removeEventListener('abort', close)
    client.socket.destroy()
    server.socket.destroy()
  }
  for (const { socket } of [client, server]) {
    socket.on('error', close).on('close', close)
    // Detects a peer that is gone without having closed the connection.
    if (socket instanceof Socket) socket.setKeepAlive(true, 30_000)
  }
  ending.addEventListener('abort', close)
  client.socket.write(Buffer.from(head, 'latin1'))
  client.socket.write(server.head)
  server.socket.write(client.head)
  client.socket.pipe(server.socket).pipe(client.socket)
}
