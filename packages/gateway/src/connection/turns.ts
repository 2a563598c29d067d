import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Serves the requests of one connection one after the other, each when the one before is answered. */
export interface Turns {
  /** Serves a request when it is its turn; never where the connection ends before. */
  take(incoming: IncomingMessage, outgoing: ServerResponse, serve: () => void): void
  /** Whether a request of the connection is not answered yet. */
  isBusy(socket: Duplex): boolean
}

/** Most requests of one connection that wait; whoever sends more before they are answered means no good. */
const mostWaiting = 32

/** Milliseconds that a client has to close its end of a connection that is over. */
const graceful = 5000

export function createTurns(): Turns {
  const waiting = new WeakMap<Duplex, (() => void)[]>()

  function start(incoming: IncomingMessage, outgoing: ServerResponse, serve: () => void): void {
    const { socket } = incoming
    outgoing.once('finish', () => {
      // The rest of what was answered is nobody's, and so is what came behind an answer that ends the connection.
      if (!incoming.complete) endGracefully(socket)
      const isOver = socket.writableEnded || socket.destroyed
      const next = isOver ? undefined : waiting.get(socket)?.shift()
      if (next) next()
      else waiting.delete(socket)
    })
    serve()
  }

  return {
    take(incoming, outgoing, serve) {
      const { socket } = incoming
      const queue = waiting.get(socket)
      if (!queue) {
        waiting.set(socket, [])
        return start(incoming, outgoing, serve)
      }
      if (queue.length >= mostWaiting) return void socket.destroy()
      queue.push(() => start(incoming, outgoing, serve))
    },
    isBusy: (socket) => waiting.has(socket),
  }
}

/** Ends a connection when what was written is sent, whatever the client still sends. */
export function endGracefully(socket: Duplex): void {
  socket.end()
  socket.resume()
  const late = setTimeout(() => socket.destroy(), graceful)
  socket.once('close', () => clearTimeout(late))
}
