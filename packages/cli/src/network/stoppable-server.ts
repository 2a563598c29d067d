import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as NetServer } from 'node:net'

/** Milliseconds that kept-alive connections get for one more request, which is answered with `Connection: close`. */
const linger = 1000
/** Milliseconds after which what still runs is cut off. */
export const patience = 8000

/** An HTTP server that can stop without failing a request. */
export interface StoppableServer {
  readonly server: Server
  readonly stopping: boolean
  /** Accepts nothing more, finishes what runs, and resolves when every connection is closed. @param time milliseconds for that */
  stop(time?: number): Promise<void>
}

/** Follows what a server answers, so that it can stop; it does not listen yet. */
export function createStoppableServer(server: Server): StoppableServer {
  const running = new Set<ServerResponse>()
  let stopping = false
  function follow(_incoming: IncomingMessage, outgoing: ServerResponse): void {
    running.add(outgoing)
    outgoing.once('close', () => running.delete(outgoing))
    if (stopping) outgoing.setHeader('connection', 'close')
  }
  server.prependListener('request', follow)
  // Without a listener Node itself tells the client to go on, and calls the one for requests.
  if (server.listenerCount('checkContinue') > 0) server.prependListener('checkContinue', follow)

  async function stop(time = patience): Promise<void> {
    stopping = true
    for (const outgoing of running) if (!outgoing.headersSent) outgoing.setHeader('connection', 'close')
    const closed = new Promise<void>((resolve) => {
      // http's own close also cuts idle connections, on which a request may be on its way.
      NetServer.prototype.close.call(server, () => resolve())
    })
    const began = performance.now()
    const closing = setInterval(() => {
      if (performance.now() - began >= linger) server.closeIdleConnections()
    }, 100)
    const late = setTimeout(() => server.closeAllConnections(), time)
    await closed
    clearInterval(closing)
    clearTimeout(late)
  }

  return {
    server,
    get stopping() {
      return stopping
    },
    stop,
  }
}
