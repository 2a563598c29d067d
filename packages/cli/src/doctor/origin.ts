import { lookup } from 'node:dns'
import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
  request as requestByHttp,
} from 'node:http'
import { request as requestByHttps } from 'node:https'
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls'

/** Milliseconds that an answer, or a handshake, may take from beginning to end. */
const patience = 5000
/** No page or document is larger. */
const mostBytes = 262_144

/** What was answered, and when. */
export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
  /** Milliseconds since 1970, on this machine. */
  sentAt: number
  answeredAt: number
}

/** What a TLS server shows of itself. */
export interface Handshake {
  certificate: DetailedPeerCertificate
  /** Why this machine does not trust it; undefined: it does. */
  refusal: string | undefined
  /** Such as `TLSv1.3`. */
  version: string
  http2: boolean
}

/** What began to be answered and came to no end. */
export class BrokenAnswer extends Error {
  override name = 'BrokenAnswer'
}

/** Where a server listens. */
export interface Place {
  host: string
  port: number
}

/**
 * Sends a GET whose target goes out byte for byte: no URL parser makes another of it.
 *
 * @throws BrokenAnswer, or whatever the connection failed with before anything came
 */
export function ask(origin: URL, target: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const request = origin.protocol === 'https:' ? requestByHttps : requestByHttp
  return send(request, { ...placeOf(origin), path: target, headers })
}

/** Sends a GET by plain http. @throws as {@link ask} does */
export function askAt(place: Place, target: string): Promise<Answer> {
  return send(requestByHttp, { ...place, path: target })
}

function send(request: typeof requestByHttp, options: RequestOptions): Promise<Answer> {
  return overConnection<Answer>((resolve, reject) => {
    const sentAt = Date.now()
    const sent = request({ ...options, agent: false, lookup })
    const hasBegun = () => (sent.socket?.bytesRead ?? 0) > 0
    const fail = (error: Error) => reject(hasBegun() ? new BrokenAnswer(error.message, { cause: error }) : error)
    const closed = () => fail(new Error('the connection was closed without an answer'))
    sent.once('close', closed)
    sent.on('error', fail)
    const failUpgraded = () => fail(new Error('the answer is 101: it goes on in another protocol'))
    sent.once('upgrade', (_response, socket) => {
      failUpgraded()
      socket.destroy()
    })
    sent.once('response', (response) => {
      const answeredAt = Date.now()
      sent.removeListener('close', closed)
      // Without the header that names the protocol it is no upgrade to Node.
      if (response.statusCode === 101) failUpgraded()
      readText(response).then((text) => {
        const { statusCode: status = 0, headers: received } = response
        resolve({ status, headers: received, text, sentAt, answeredAt })
      }, fail)
    })
    sent.end()
    return { fail, close: () => sent.destroy() }
  })
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    if (length > mostBytes) throw new Error('the answer does not end')
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Shakes hands with a TLS server, whatever its certificate is. @throws whatever the connection failed with */
export function shakeHands(origin: URL): Promise<Handshake> {
  const { host, port } = placeOf(origin)
  return overConnection<Handshake>((resolve, reject) => {
    const socket: TLSSocket = connect({
      host,
      port,
      servername: host,
      lookup,
      ALPNProtocols: ['h2', 'http/1.1'],
      // Whether it is to be trusted is what is asked.
      rejectUnauthorized: false,
    })
    socket.on('error', reject)
    socket.once('close', () => reject(new Error('the connection was closed before TLS began')))
    socket.once('secureConnect', () => {
      const error: unknown = socket.authorizationError
      resolve({
        certificate: socket.getPeerCertificate(true),
        refusal: socket.authorized ? undefined : codeOf(error),
        version: socket.getProtocol() ?? '',
        http2: socket.alpnProtocol === 'h2',
      })
    })
    return { fail: reject, close: () => socket.destroy() }
  })
}

interface Opened {
  readonly fail: (error: Error) => void
  readonly close: () => void
}

/** Waits for what comes over a connection, for {@link patience} whatever the other side does, and closes it. */
async function overConnection<T>(
  open: (resolve: (value: T) => void, reject: (error: Error) => void) => Opened,
): Promise<T> {
  let end: (() => void) | undefined
  try {
    return await new Promise<T>((resolve, reject) => {
      const { fail, close } = open(resolve, reject)
      const late = setTimeout(() => fail(new Error(`nothing whole within ${patience / 1000} seconds`)), patience)
      end = () => {
        clearTimeout(late)
        close()
      }
    })
  } finally {
    end?.()
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

function placeOf({ protocol, hostname, port }: URL): Place {
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
  }
}
