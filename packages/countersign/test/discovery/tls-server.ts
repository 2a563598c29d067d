import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import tls from 'node:tls'
import { onTestFinished } from 'vitest'
import { type Issued, issueCertificate } from '../x509/certificates.js'

export interface TlsServer {
  port: number
  /** `host path` of each request, in order. */
  asked: string[]
  /** Connections that were opened. */
  connections: () => number
}

/** A self-signed certificate for these names. */
export function certificateOf(...names: readonly string[]): Issued {
  const subjects = names.map((name) => `DNS:${name}`).join(',')
  return issueCertificate({ name: names[0] ?? '', extensions: [`subjectAltName=${subjects}`] })
}

/** An HTTPS server on 127.0.0.1 with a certificate, which closes when the test ends. */
export async function startTlsServer(
  { pem, privateKey }: Issued,
  listener: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<TlsServer> {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' })
  const server = createServer({ key, cert: pem }, (request, response) => {
    asked.push(`${request.headers.host} ${request.url}`)
    listener(request, response)
  })
  server.on('tlsClientError', () => undefined)
  server.on('connection', (socket: Socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as AddressInfo).port, asked, connections: () => connections }
}

/** Makes certificates the only trusted roots for the rest of the test. */
export function trust(...certificates: readonly Issued[]): void {
  const { createSecureContext } = tls
  const ca = certificates.map(({ pem }) => pem)
  Object.assign(tls, {
    createSecureContext: (options: tls.SecureContextOptions) => createSecureContext({ ...options, ca }),
  })
  onTestFinished(() => void Object.assign(tls, { createSecureContext }))
}
