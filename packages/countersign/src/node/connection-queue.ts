import { AsyncResource } from 'node:async_hooks'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { NodeRequest } from '../httpsig/receive-incoming.js'
import type { NodeResponse } from './send-response.js'
import { WriteProgress } from './write-progress.js'

/** Serves the requests of each HTTP/1.1 connection in order, one at a time. */
export interface ConnectionQueue {
  /**
   * Calls `serve` when every earlier request of the connection was responded to; never if the connection closes first. While 32
   * requests wait, the connection is not read. A connection whose client reads nothing of a response for 20 seconds is closed.
   */
  run(incoming: NodeRequest, outgoing: NodeResponse, serve: () => void): void
  /** Whether a request of the connection is in progress. */
  isBusy(socket: Duplex): boolean
}

/** Requests that wait on one connection before it is no longer read. */
const queueLength = 32

/** Header lines of a waiting request that count as one request: memory grows with them. */
const linesPerRequest = 32

/**
 * Requests beyond `queueLength` that wait on all connections together. Node.js parses all that it read at once, some 2,500 requests in
 * 64 KiB, before a connection can be paused. The connection that exceeds this is closed.
 */
const surplusLimit = 1024

/** Seconds after which a connection is closed whose client reads nothing of a response. */
const writeTimeout = 20

/** Milliseconds that a client has to close its end of a connection that is over. */
const graceful = 5000

export function createConnectionQueue(): ConnectionQueue {
  const connections = new Map<Duplex, Connection>()
  const surplus: Surplus = { requests: 0 }
  let checking: NodeJS.Timeout | undefined

  function open(socket: Socket): Connection {
    const connection = new Connection(socket, surplus)
    connections.set(socket, connection)
    socket.once('close', () => {
      connections.delete(socket)
      connection.abandon()
      if (connections.size > 0) return
      clearInterval(checking)
      checking = undefined
    })
    checking ??= setInterval(check, 1000).unref()
    return connection
  }

  function check(): void {
    for (const connection of connections.values()) connection.requireProgress()
  }

  return {
    run(incoming, outgoing, serve) {
      if ('stream' in outgoing) return serve()
      const { socket } = incoming
      if (socket.destroyed) {
        // Node.js goes on with what it read before the connection was closed.
        process.nextTick(() => outgoing.emit('close'))
        return
      }
      const connection = connections.get(socket) ?? open(socket)
      connection.add({ incoming, outgoing, serve })
    },
    isBusy: (socket) => connections.get(socket)?.isBusy ?? false,
  }
}

/** What the connections of a queue share. */
interface Surplus {
  requests: number
}

interface QueuedRequest {
  readonly incoming: NodeRequest
  readonly outgoing: ServerResponse
  readonly serve: () => void
}

class Connection {
  readonly #socket: Socket
  readonly #surplus: Surplus
  readonly #progress = new WriteProgress()
  #waiting: QueuedRequest[] = []
  /** Waiting requests; those with many header lines count for more. */
  #weight = 0
  #isPaused = false
  isBusy = false

  constructor(socket: Socket, surplus: Surplus) {
    this.#socket = socket
    this.#surplus = surplus
  }

  add(request: QueuedRequest): void {
    if (!this.isBusy) this.#start(request)
    else this.#wait(request)
  }

  #wait(request: QueuedRequest): void {
    this.#waiting.push({ ...request, serve: AsyncResource.bind(request.serve) })
    this.#weigh(weightOf(request))
    if (this.#surplus.requests > surplusLimit) this.#socket.destroy()
    else if (this.#weight >= queueLength && !this.#isPaused) this.#pause()
  }

  #start({ incoming, outgoing, serve }: QueuedRequest): void {
    this.isBusy = true
    outgoing.once('finish', () => {
      // Neither the rest of an incomplete request nor what follows a response that closes the connection is a request.
      if (!incoming.complete) endGracefully(this.#socket)
      this.isBusy = false
      if (this.#socket.writableEnded || this.#socket.destroyed) this.abandon()
      else this.#startNext()
    })
    serve()
  }

  #startNext(): void {
    const next = this.#waiting.shift()
    if (!next) return
    this.#weigh(-weightOf(next))
    if (this.#isPaused && this.#weight < queueLength) this.#resume()
    this.#start(next)
  }

  #weigh(change: number): void {
    const before = Math.max(0, this.#weight - queueLength)
    this.#weight += change
    this.#surplus.requests += Math.max(0, this.#weight - queueLength) - before
  }

  #pause(): void {
    this.#isPaused = true
    // Node.js resumes it for each request that it parsed, and when the client took what was written to it.
    this.#socket.on('resume', pauseAgain).pause()
  }

  #resume(): void {
    this.#isPaused = false
    this.#socket.off('resume', pauseAgain).resume()
  }

  /** Drops the requests that wait: the connection is over. */
  abandon(): void {
    const abandoned = this.#waiting
    this.#waiting = []
    this.#weigh(-this.#weight)
    // Node.js emits it only for the response that has the socket.
    for (const { outgoing } of abandoned) if (!outgoing.socket) outgoing.emit('close')
  }

  /** Call once a second. */
  requireProgress(): void {
    if (this.#progress.secondsWithout(this.#socket) >= writeTimeout) this.#socket.destroy()
  }
}

function pauseAgain(this: Socket): void {
  this.pause()
}

function weightOf({ incoming }: QueuedRequest): number {
  return Math.max(1, incoming.rawHeaders.length / 2 / linesPerRequest)
}

/** Ends a connection when what was written is sent, whatever the client still sends. */
export function endGracefully(socket: Duplex): void {
  socket.end()
  socket.resume()
  const late = setTimeout(() => socket.destroy(), graceful)
  socket.once('close', () => clearTimeout(late))
}
