import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createNodeListener, type Handler } from 'countersign/node'

/** A port on loopback that serves a Web handler over real HTTP. */
export interface ListeningOrigin {
  readonly origin: string
  /** Sets the handler; `as` is the origin that it sees as its own, for a second instance of one server. */
  serve(handler: Handler, as?: string): void
  close(): Promise<void>
}

/**
 * Listens on a free port of 127.0.0.1; responds with 503 until a handler is set.
 *
 * @param options `replaceGlobals` as for {@link createNodeListener}
 */
export async function listenOnLoopback({ replaceGlobals = true } = {}): Promise<ListeningOrigin> {
  const server = createServer((_request, response) => response.writeHead(503).end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    serve(handler, as = origin) {
      server.removeAllListeners('request')
      server.on('request', createNodeListener(handler, { origin: as, replaceGlobals }))
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
