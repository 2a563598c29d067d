import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createConnectionQueue, endGracefully } from 'countersign/node'
import { createMcpSessions } from 'countersign/resource/mcp'
import type { GatewayOptions } from './gateway-options.js'
import { type Exchange, type GatewayShared, setUpGateway } from './gateway-setup.js'
import { limitGatewayConnections } from './limit-gateway-connections.js'
import { serveRequest } from './serve-request.js'
import { createSpool } from './uploads/spool.js'
import { createConnections } from './upstream/connections.js'

export interface Gateway {
  /** Ready to listen, for plain HTTP/1.1 behind your TLS. */
  readonly server: Server
  /** Takes other options: what is under way ends by the old ones, and no connection is closed. @throws TypeError as {@link createGateway} */
  readonly use: (options: GatewayOptions) => void
  /** Ends WebSockets and event streams, which have no end of their own, so that the server can close; the rest goes on. */
  readonly endStreams: () => void
  /** Ends WebSockets and connections to the API, and removes what uploads left. The server is yours to close first. */
  readonly close: () => void
}

/**
 * A reverse proxy in front of any HTTP API: verifies each request as its route says, tells the API who asks in `X-AAuth-…`
 * headers that no client can write, and passes answers on as they come.
 *
 * @throws TypeError for options that cannot be meant
 * @example
 * ```ts
 * const routes = [{ method: 'GET', path: '/events', require: 'authorization', scope: 'events.read' }] as const
 * createGateway({ resource, upstream: 'http://127.0.0.1:3000', routes }).server.listen(8080)
 * ```
 */
export function createGateway(options: GatewayOptions): Gateway {
  // Kept when other options are taken: clients go on with their sessions.
  const mcpSessions = createMcpSessions()
  const withSessions = (given: GatewayOptions) => ({ ...given, mcpSessions: given.mcpSessions ?? mcpSessions })
  let setup = setUpGateway(withSessions(options))
  const connections = createConnections()
  const shared: GatewayShared = {
    connections,
    spool: createSpool(() => setup.limits),
    tunnels: new Map(),
    streams: new Set(),
  }
  const queue = createConnectionQueue()
  const server = createServer({
    maxHeaderSize: 32_768,
    headersTimeout: 15_000,
    connectionsCheckingInterval: 5000,
    // Bodies have limits of their own.
    requestTimeout: 0,
    keepAliveTimeout: 75_000,
    // Node.js would respond to them itself, past the queue.
    requireHostHeader: false,
  })

  function serve(exchange: Exchange): void {
    serveRequest(exchange, setup, shared).catch((error: unknown) => {
      process.emitWarning(error instanceof Error ? error : new Error(String(error)))
      exchange.outgoing.destroy()
      exchange.upgrade?.socket.destroy()
    })
  }

  function endStreams(): void {
    for (const end of [...shared.tunnels.values(), ...shared.streams]) end()
  }

  function enqueue(exchange: Exchange): void {
    queue.run(exchange.incoming, exchange.outgoing, () => serve(exchange))
  }

  server.on('request', (incoming, outgoing) => enqueue({ incoming, outgoing, waits: false }))
  server.on('checkContinue', (incoming, outgoing) => enqueue({ incoming, outgoing, waits: true }))
  server.on('checkExpectation', (incoming, outgoing) => enqueue({ incoming, outgoing, waits: false }))
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    // The connection belongs to the answers before it, which a change of protocol would run into.
    const outgoing = queue.isBusy(socket) ? undefined : answerOn(incoming, socket)
    if (!outgoing) return void socket.destroy()
    serve({ incoming, outgoing, waits: false, upgrade: { socket, head } })
  })
  limitGatewayConnections(server, () => setup)

  return {
    server,
    use(next) {
      setup = setUpGateway(withSessions(next))
    },
    endStreams,
    close() {
      endStreams()
      connections.close()
      shared.spool.close()
    },
  }
}

/** An ordinary answer to a request for an upgrade; the connection ends with it. Undefined where there is an answer on it already. */
function answerOn(incoming: IncomingMessage, socket: Duplex): ServerResponse | undefined {
  const outgoing = new ServerResponse(incoming)
  outgoing.shouldKeepAlive = false
  try {
    outgoing.assignSocket(socket as Socket)
  } catch {
    return undefined
  }
  socket.on('error', () => undefined)
  outgoing.once('finish', () => {
    outgoing.detachSocket(socket as Socket)
    endGracefully(socket)
  })
  return outgoing
}
