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
  /** Applies new options. Requests in progress finish with the old ones, and no connection is closed. @throws TypeError as {@link createGateway} */
  readonly use: (options: GatewayOptions) => void
  /** Ends WebSockets and event streams, so that the server can close. Other requests finish. */
  readonly endStreams: () => void
  /** Ends WebSockets and connections to the API, and removes temporary files. Close the server first. */
  readonly close: () => void
}

/**
 * A reverse proxy in front of any HTTP API. It verifies each request as its route requires, identifies the caller to the API in `X-AAuth-…`
 * headers that no client can set, and streams responses.
 *
 * @throws TypeError for invalid or contradictory options
 * @example
 * ```ts
 * const routes = [{ method: 'GET', path: '/events', require: 'authorization', scope: 'events.read' }] as const
 * createGateway({ resource, upstream: 'http://127.0.0.1:3000', routes }).server.listen(8080)
 * ```
 */
export function createGateway(options: GatewayOptions): Gateway {
  // Kept when new options apply: sessions continue.
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
    // Bodies have separate limits.
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
    // Responses to earlier requests are still to be sent on the connection.
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

/** A response to an upgrade request, which closes the connection. Undefined if the socket has a response already. */
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
