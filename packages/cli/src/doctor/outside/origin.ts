import { lookup } from 'node:dns'
import { type IncomingHttpHeaders, request as requestByHttp } from 'node:http'
import { request as requestByHttps } from 'node:https'
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls'

/** Milliseconds that anything may take. */
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

/**
 * Sends a GET whose target goes out byte for byte: no URL parser makes another of it.
 *
 * @throws whatever the connection failed with
 */
export function ask(origin: URL, target: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const request = origin.protocol === 'https:' ? requestByHttps : requestByHttp
  return new Promise((resolve, reject) => {
    const sentAt = Date.now()
    const sent = request(
      { ...placeOf(origin), path: target, headers, agent: false, lookup, timeout: patience },
      (response) => {
        const answeredAt = Date.now()
        const chunks: Buffer[] = []
        let length = 0
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          length += chunk.length
          if (length > mostBytes) response.destroy(new Error('the answer does not end'))
        })
        response.once('error', reject)
        response.once('end', () => {
          const { statusCode: status = 0, headers: received } = response
          resolve({ status, headers: received, text: Buffer.concat(chunks).toString('utf8'), sentAt, answeredAt })
        })
      },
    )
    sent.once('timeout', () => sent.destroy(new Error(`nothing within ${patience / 1000} seconds`)))
    sent.once('error', reject)
    sent.end()
  })
}

/** Shakes hands with a TLS server, whatever its certificate is. @throws whatever the connection failed with */
export function shakeHands(origin: URL): Promise<Handshake> {
  const { host, port } = placeOf(origin)
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({
      host,
      port,
      servername: host,
      lookup,
      ALPNProtocols: ['h2', 'http/1.1'],
      // Whether it is to be trusted is what is asked.
      rejectUnauthorized: false,
      timeout: patience,
    })
    socket.once('timeout', () => socket.destroy(new Error(`nothing within ${patience / 1000} seconds`)))
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      const error: unknown = socket.authorizationError
      resolve({
        certificate: socket.getPeerCertificate(true),
        refusal: socket.authorized ? undefined : codeOf(error),
        version: socket.getProtocol() ?? '',
        http2: socket.alpnProtocol === 'h2',
      })
      socket.destroy()
    })
  })
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

function placeOf({ protocol, hostname, port }: URL): { host: string; port: number } {
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
  }
}
