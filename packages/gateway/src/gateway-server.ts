import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import type { Duplex } from 'node:stream'
import { createConnectionQueue, limitConnections, refuseUnreadable } from 'countersign/node'
import type { ServerRequest } from './events.js'
import type { Exchange, GatewaySetup } from './gateway-setup.js'

/** A server for a gateway, ready to listen, for plain HTTP/1.1. */
export interface GatewayServer {
  readonly server: Server
  /** Serves a request that is not queued behind others on its connection. */
  readonly serveNow: (exchange: Exchange) => void
  /** Whether earlier requests on a connection are still in progress. */
  readonly isBusy: (socket: Duplex) => boolean
}

/**
 * Creates a server that serves one request at a time per connection, and limits connections according to the current options. Bodies have
 * separate limits.
 */
export function createGatewayServer(
  options: ServerOptions,
  current: () => GatewaySetup,
  serve: (exchange: Exchange) => Promise<void>,
): GatewayServer {
  const queue = createConnectionQueue()
  // Without this, Node.js would itself respond to requests without a Host header, bypassing the queue.
  const server = createServer({
    headersTimeout: 15_000,
    keepAliveTimeout: 75_000,
    requireHostHeader: false,
    ...options,
  })

  function serveNow(exchange: Exchange): void {
    serve(exchange).catch((error: unknown) => {
      process.emitWarning(error instanceof Error ? error : new Error(String(error)))
      exchange.outgoing.destroy()
      exchange.upgrade?.socket.destroy()
    })
  }

  const enqueue =
    (waits: boolean): RequestListener =>
    (incoming, outgoing) =>
      queue.run(incoming, outgoing, () => serveNow({ incoming: incoming as ServerRequest, outgoing, waits }))
  server.on('request', enqueue(false)).on('checkContinue', enqueue(true)).on('checkExpectation', enqueue(false))
  refuseUnreadable(server)
  limitConnections(server, {
    get total() {
      return current().limits.connections
    },
    get perAddress() {
      return current().limits.connectionsPerAddress
    },
    get perNetwork() {
      const { connections, connectionsPerAddress } = current().limits
      return Math.max(Math.ceil(connections / 2), connectionsPerAddress)
    },
    busyFrom: 'head',
    onClosed: (outcome) => current().tell?.({ kind: 'connection', outcome }),
    isExempt: (peer) => current().isProxy(peer),
  })
  return { server, serveNow, isBusy: (socket) => queue.isBusy(socket) }
}
