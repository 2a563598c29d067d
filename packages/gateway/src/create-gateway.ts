import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { endGracefully } from 'countersign/node'
import { createMcpSessions } from 'countersign/resource/mcp'
import { createSpool } from './bodies/buffered-upload.js'
import type { ServerRequest } from './events.js'
import type { Gateway, GatewayOptions } from './gateway-options.js'
import { createGatewayServer } from './gateway-server.js'
import { type GatewayShared, setUpGateway } from './gateway-setup.js'
import { serveRequest } from './serve-request.js'
import { createConnections } from './upstream.js'

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
  // Kept when new options are applied, so that sessions continue.
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
  // Bodies have separate limits.
  const timeouts = { connectionsCheckingInterval: 5000, requestTimeout: 0 }
  const { server, serveNow, isBusy } = createGatewayServer(
    { maxHeaderSize: 32_768, ...timeouts },
    () => setup,
    (exchange) => serveRequest(exchange, setup, shared),
  )
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Responses to earlier requests on this connection are still pending.
    const outgoing = isBusy(socket) ? undefined : responseOn(incoming, socket)
    if (!outgoing) return void socket.destroy()
    serveNow({ incoming: incoming as ServerRequest, outgoing, waits: false, upgrade: { socket, head } })
  })

  function endStreams(): void {
    for (const end of [...shared.tunnels.values(), ...shared.streams]) end()
  }

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

/** The response to an upgrade request, which closes the connection. Undefined if the socket already has a response. */
function responseOn(incoming: IncomingMessage, socket: Duplex): ServerResponse | undefined {
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
