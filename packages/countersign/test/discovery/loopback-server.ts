import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface LoopbackServer {
  /** A valid loopback identifier. */
  origin: string
  port: number
  /** Paths in the order they were requested. */
  asked: string[]
  /** Connections that were opened. */
  connections: () => number
  /** Closes it before the test ends. */
  close: () => Promise<void>
}

/** An HTTP server on 127.0.0.1 that closes when the test ends. */
export async function startServer(listener: RequestListener): Promise<LoopbackServer> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    // Many tests cut off responses on purpose.
    response.on('error', () => undefined)
    listener(request, response)
  })
  return { ...(await listen(server)), asked }
}

/** A TCP server on 127.0.0.1 that closes when the test ends. */
export async function startTcpServer(onSocket: (socket: Socket) => void): Promise<Omit<LoopbackServer, 'asked'>> {
  return listen(createTcpServer(onSocket))
}

async function listen(server: Server): Promise<Omit<LoopbackServer, 'asked'>> {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= new Promise((resolve) => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })
    return closing
  }
  onTestFinished(close)
  return { origin: `http://127.0.0.1:${port}`, port, connections: () => connections, close }
}

/** Responds with JSON. */
export function answerJson(response: ServerResponse, document: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(document))
}

export interface AgentServerOptions {
  keys?: () => readonly object[]
  headers?: Record<string, string>
  /** Responds instead of the metadata. */
  metadata?: ((request: IncomingMessage, response: ServerResponse, origin: string) => void) | undefined
  /** Responds instead of the JWKS. */
  jwks?: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
}

/** An agent's server with its two documents; the response for each can be replaced. */
export async function startAgentServer(options: AgentServerOptions = {}): Promise<LoopbackServer> {
  const server: LoopbackServer = await startServer((request, response) => {
    const { origin } = server
    if (request.url === '/.well-known/aauth-agent') {
      if (options.metadata) options.metadata(request, response, origin)
      else answerJson(response, { agent: origin, jwks_uri: `${origin}/jwks.json` }, options.headers)
    } else if (request.url === '/jwks.json') {
      if (options.jwks) options.jwks(request, response)
      else answerJson(response, { keys: options.keys?.() ?? [] }, options.headers)
    } else {
      response.writeHead(404).end()
    }
  })
  return server
}
