import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Serves the requests of one connection one after the other, each when the one before is answered. */
export interface Turns {
  /** Serves a request when it is its turn; never where the connection ends before. */
  take(socket: Duplex, outgoing: ServerResponse, serve: () => void): void
  /** Whether a request of the connection is not answered yet. */
  isBusy(socket: Duplex): boolean
}

/** Most requests of one connection that wait; whoever sends more before they are answered means no good. */
const mostWaiting = 32

export function createTurns(): Turns {
  const waiting = new WeakMap<Duplex, (() => void)[]>()

  function start(socket: Duplex, outgoing: ServerResponse, serve: () => void): void {
    outgoing.once('finish', () => {
      const next = waiting.get(socket)?.shift()
      if (next) next()
      else waiting.delete(socket)
    })
    serve()
  }

  return {
    take(socket, outgoing, serve) {
      const queue = waiting.get(socket)
      if (!queue) {
        waiting.set(socket, [])
        return start(socket, outgoing, serve)
      }
      if (queue.length >= mostWaiting) return void socket.destroy()
      queue.push(() => start(socket, outgoing, serve))
    },
    isBusy: (socket) => waiting.has(socket),
  }
}
