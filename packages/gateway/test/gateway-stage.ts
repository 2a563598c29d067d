import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { connect } from 'node:net'
import { createGateway, type Gateway, type GatewayOptions, type Route } from 'countersign-gateway'
import { onTestFinished } from 'vitest'
import { byAgent, listenWith, openResource, signed } from '../../countersign/test/resource/events-resource.js'

/** A request as the upstream received it. */
export interface Arrived {
  method: string
  url: string
  rawHeaders: string[]
  headers: IncomingMessage['headers']
  body: string
  trailers: IncomingMessage['trailers']
}

export const routes: Route[] = [
  { method: 'GET', path: '/events', require: 'authorization', scope: 'events.read' },
  { method: 'POST', path: '/events', require: 'identity' },
  { method: 'GET', path: '/signed', require: 'signature' },
  { method: 'GET', path: '/socket', require: 'authorization', scope: 'events.read' },
  { method: 'POST', path: '/small', require: 'identity', maxBody: 10 },
  { method: '*', path: '/open/*', require: 'none' },
]

export interface GatewayStage {
  gateway: Gateway
  port: number
  upstream: Server
  arrived: Arrived[]
  options: GatewayOptions
  /** Where the API listens, unless another address is given. */
  upstreamUrl: string
}

/** A gateway in front of an upstream that records its requests; the listener, if given, responds. */
export async function openGateway(
  given: Partial<GatewayOptions> = {},
  listener?: RequestListener,
): Promise<GatewayStage> {
  const arrived: Arrived[] = []
  const upstream = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.once('end', () => {
      const { method = '', url = '', rawHeaders, headers, trailers } = incoming
      arrived.push({ method, url, rawHeaders, headers, trailers, body: Buffer.concat(chunks).toString() })
      if (listener) return listener(incoming, outgoing)
      outgoing.setHeader('content-type', 'application/json')
      outgoing.end(JSON.stringify({ method, url }))
    })
  })
  const upstreamUrl = `http://127.0.0.1:${await listenWith(upstream)}`
  const options = {
    resource: openResource(),
    upstream: upstreamUrl,
    routes,
    ...given,
  }
  const gateway = createGateway(options)
  const port = await listenWith(gateway.server)
  onTestFinished(() => gateway.close())
  return { gateway, port, upstream, upstreamUrl, arrived, options }
}

/** The lines of a signed request, without the trailing empty line. */
export async function signedLines(path: string, init?: RequestInit, signatureKey = byAgent): Promise<string[]> {
  const request = await signed(path, init, signatureKey)
  const headers = [...request.headers].map(([name, value]) => `${name}: ${value}`)
  return [`${request.method} ${path} HTTP/1.1`, 'Host: api.example', ...headers]
}

/** Sends bytes unchanged, and returns everything that is received until the connection is closed, or until it matches. */
export function exchange(port: number, parts: string | (string | Buffer)[], until?: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const timer = setTimeout(() => socket.destroy(new Error(`The connection stays open: ${text}`)), 30_000)
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      text += chunk
      if (until?.test(text)) socket.destroy()
    })
    socket.once('error', reject)
    socket.once('close', () => {
      clearTimeout(timer)
      resolve(text)
    })
    for (const part of [parts].flat()) socket.write(part)
  })
}

/** A message from lines, with the terminating empty line, that closes the connection afterwards. */
export const message = (lines: readonly string[], body = '') =>
  `${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`

export const statusOf = (answer: string) =>
  Number(/^HTTP\/1\.1 (\d+)/.exec(answer.replace(/^(?:HTTP\/1\.1 1\d\d[\s\S]*?\r\n\r\n)+/, ''))?.[1])
