import { lookup } from 'node:dns'
import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
  request as requestByHttp,
} from 'node:http'
import { request as requestByHttps } from 'node:https'
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls'

/** Time limit for a whole response or handshake, in milliseconds. */
const patience = 5000
/** Maximum size of a page or document, in bytes. */
const mostBytes = 262_144

/** A response, with its timing. */
export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
  /** Unix time in milliseconds, according to this machine's clock. */
  sentAt: number
  answeredAt: number
}

/** The result of a TLS handshake. */
export interface Handshake {
  certificate: DetailedPeerCertificate
  /** Why this machine does not trust the certificate; undefined if it does. */
  refusal: string | undefined
  /** TLS version, such as `TLSv1.3`. */
  version: string
  http2: boolean
}

/** A response that started but was not completed. */
export class IncompleteResponse extends Error {
  override name = 'IncompleteResponse'
}

/** The address on which a server listens. */
export interface Place {
  host: string
  port: number
}

/** A request other than a GET request without content. */
export interface OtherRequest {
  /** @default GET */
  method?: string
  headers?: Readonly<Record<string, string>>
  /** @default none */
  body?: string
}

/**
 * Sends a request with the exact request target, not normalized by a URL parser. Follows no redirects.
 *
 * @throws IncompleteResponse, or the connection's error if it failed before any data arrived
 */
export function ask(origin: URL, target: string, { body, ...options }: OtherRequest = {}): Promise<Answer> {
  const request = origin.protocol === 'https:' ? requestByHttps : requestByHttp
  return send(request, { ...placeOf(origin), path: target, ...options }, body)
}

/** Sends a GET request over plain http. @throws the same errors as {@link ask} */
export function getAt(place: Place, target: string): Promise<Answer> {
  return send(requestByHttp, { ...place, path: target })
}

function send(request: typeof requestByHttp, options: RequestOptions, body?: string): Promise<Answer> {
  return overConnection<Answer>((resolve, reject) => {
    const sentAt = Date.now()
    const sent = request({ ...options, agent: false, lookup })
    const hasBegun = () => (sent.socket?.bytesRead ?? 0) > 0
    const fail = (error: Error) => reject(hasBegun() ? new IncompleteResponse(error.message, { cause: error }) : error)
    const closed = () => fail(new Error('the connection was closed without a response'))
    sent.once('close', closed)
    sent.on('error', fail)
    const failUpgraded = () => fail(new Error('the response is 101: the server switched to another protocol'))
    sent.once('upgrade', (_response, socket) => {
      failUpgraded()
      socket.destroy()
    })
    sent.once('response', (response) => {
      const answeredAt = Date.now()
      sent.removeListener('close', closed)
      // Without an Upgrade header, Node does not treat a 101 as an upgrade.
      if (response.statusCode === 101) failUpgraded()
      readText(response).then((text) => {
        const { statusCode: status = 0, headers: received } = response
        resolve({ status, headers: received, text, sentAt, answeredAt })
      }, fail)
    })
    sent.end(body)
    return { fail, close: () => sent.destroy() }
  })
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    if (length > mostBytes) throw new Error('the response is too large')
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Performs a TLS handshake, regardless of the certificate. @throws the connection's error */
export function tlsHandshake(origin: URL): Promise<Handshake> {
  const { host, port } = placeOf(origin)
  return overConnection<Handshake>((resolve, reject) => {
    const socket: TLSSocket = connect({
      host,
      port,
      servername: host,
      lookup,
      ALPNProtocols: ['h2', 'http/1.1'],
      // This function determines whether the certificate is trusted.
      rejectUnauthorized: false,
    })
    socket.on('error', reject)
    socket.once('close', () => reject(new Error('the connection was closed before the TLS handshake finished')))
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

/** Runs an exchange over a connection, with the time limit {@link patience}, and then closes the connection. */
async function overConnection<T>(
  open: (resolve: (value: T) => void, reject: (error: Error) => void) => Opened,
): Promise<T> {
  let end: (() => void) | undefined
  try {
    return await new Promise<T>((resolve, reject) => {
      const { fail, close } = open(resolve, reject)
      const late = setTimeout(() => fail(new Error(`no complete response within ${patience / 1000} seconds`)), patience)
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
