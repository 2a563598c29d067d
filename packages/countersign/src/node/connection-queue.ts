import { AsyncResource } from 'node:async_hooks'
import type { ServerResponse } from 'node:http'
import { constants, type Http2Session, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { NodeRequest } from '../httpsig/receive-incoming.js'
import { FairScheduler } from './fair-scheduler.js'
import type { NodeResponse } from './send-response.js'
import { SessionStreams } from './session-streams.js'
import type { ClientAddress } from './trusted-networks.js'
import { WriteProgress, writeTimeout } from './write-progress.js'

/** Limits in-progress requests and unread responses per connection. */
export interface ConnectionQueue {
  /**
   * Over HTTP/1.1, calls `serve` once every earlier request on the connection has received its response; it is never called if the
   * connection closes first. While 32 requests are waiting, the connection is not read. Over HTTP/2, refuses the stream if 100 requests of
   * the session are in progress. Each turn of the event loop starts up to 16 requests across all connections, or 2 while connections are
   * being accepted; if more are waiting, networks take turns. Over HTTP/2, up to 1,024 requests per network and 2,048 in total wait for
   * their turn; beyond that, a stream of the network with the most waiting requests is refused. If a request's connection or stream closes
   * before its turn, the request is never served. If the client reads no part of a response for 20 seconds, its connection or stream is
   * closed.
   *
   * @param serve may return a promise: over HTTP/2, the request is in progress until it settles
   */
  run(incoming: NodeRequest, outgoing: NodeResponse, serve: () => unknown): void
  /** Whether a request of the connection is in progress. */
  isBusy(socket: Duplex): boolean
}

/** Waiting requests above which a connection is no longer read. */
const queueLength = 32

/** Number of header lines that count as one waiting request, because memory use grows with them. */
const linesPerRequest = 32

/**
 * Waiting requests allowed in addition to `queueLength`, across all connections. Before a connection can be paused, Node.js parses
 * everything already read from the socket: some 2,500 requests in 64 KiB. The connection that exceeds this limit is closed, and its share
 * is released after a second, so a flood of connections can use up the limit only once.
 */
const surplusLimit = 1024

/** Time that a client has to close its end of a finished connection, in milliseconds. */
const graceful = 5000

/** @param clientAddress finds the address of a client behind proxies. @default the peer of the connection */
export function createConnectionQueue(clientAddress?: ClientAddress): ConnectionQueue {
  const turns = new FairScheduler()
  const connections = new Map<Duplex, Connection>()
  const sessions = new Map<Http2Session, SessionStreams>()
  const surplus: Surplus = { requests: 0 }
  let checking: NodeJS.Timeout | undefined

  function check(): void {
    surplus.requests = 0
    for (const connection of connections.values()) {
      connection.closeStalled()
      surplus.requests += connection.surplus
    }
    for (const session of sessions.values()) session.closeStalled()
  }

  function startChecking(): void {
    if (checking) return
    checking = setInterval(check, 1000).unref()
    turns.watch()
  }

  function stopChecking(): void {
    if (connections.size + sessions.size > 0) return
    clearInterval(checking)
    checking = undefined
    turns.unwatch()
  }

  function open(socket: Socket): Connection {
    const connection = new Connection(socket, surplus)
    connections.set(socket, connection)
    socket.once('close', () => {
      connections.delete(socket)
      connection.abandon()
      stopChecking()
    })
    startChecking()
    return connection
  }

  function openSession(session: Http2Session): SessionStreams {
    const streams = new SessionStreams(session)
    sessions.set(session, streams)
    session.once('close', () => {
      sessions.delete(session)
      stopChecking()
    })
    startChecking()
    return streams
  }

  function addressOf({ socket: { remoteAddress }, rawHeaders }: NodeRequest): string | undefined {
    return clientAddress ? clientAddress(remoteAddress, rawHeaders) : remoteAddress
  }

  function serveStream(
    incoming: NodeRequest,
    stream: ServerHttp2Stream,
    streams: SessionStreams,
    serve: () => unknown,
  ): void {
    const inTurn = () =>
      new Promise((resolve) => {
        const leave = turns.take({
          address: () => addressOf(incoming),
          begin: () => resolve(stream.closed ? undefined : serve()),
          refuse() {
            stream.close(constants.NGHTTP2_REFUSED_STREAM)
            resolve(undefined)
          },
        })
        if (!leave) return
        stream.once('close', () => {
          if (leave()) streams.countReset()
          resolve(undefined)
        })
      })
    streams.add(stream, inTurn)
  }

  return {
    run(incoming, outgoing, serve) {
      if ('stream' in outgoing) {
        const { stream } = outgoing
        const { session } = stream
        // Without a session, the stream is already closed.
        if (session) serveStream(incoming, stream, sessions.get(session) ?? openSession(session), serve)
        return
      }
      const { socket } = incoming
      if (socket.destroyed) {
        // Node.js still processes what it read before the connection was closed.
        process.nextTick(() => outgoing.emit('close'))
        return
      }
      const connection = connections.get(socket) ?? open(socket)
      const inTurn = () =>
        turns.take({ address: () => addressOf(incoming), begin: () => void (socket.destroyed || serve()) })
      if (connection.isBusy)
        connection.wait({ incoming, outgoing, serve: inTurn, context: new AsyncResource('WaitingRequest') })
      else connection.start(incoming, outgoing, inTurn)
    },
    isBusy: (socket) => connections.get(socket)?.isBusy ?? false,
  }
}

/** State shared by the connections of a queue. */
interface Surplus {
  requests: number
}

/** Serves a request when its turn comes. If the request must wait, returns a function that removes it from the queue of turns. */
type TakeTurn = () => (() => boolean) | undefined

interface WaitingRequest {
  readonly incoming: NodeRequest
  readonly outgoing: ServerResponse
  readonly serve: TakeTurn
  /** The asynchronous context in which the request was received. */
  readonly context: AsyncResource
}

class Connection {
  readonly #socket: Socket
  readonly #surplus: Surplus
  readonly #progress = new WriteProgress()
  #waiting: WaitingRequest[] = []
  /** Number of waiting requests; those with many header lines count more than once. */
  #weight = 0
  #isPaused = false
  /** Removes the request in progress from the queue of turns, if it is waiting there. */
  #leaveTurns: (() => boolean) | undefined
  isBusy = false

  constructor(socket: Socket, surplus: Surplus) {
    this.#socket = socket
    this.#surplus = surplus
  }

  wait(request: WaitingRequest): void {
    this.#waiting.push(request)
    this.#weigh(weightOf(request))
    if (this.surplus > 0 && this.#surplus.requests > surplusLimit) stopAt(this.#socket)
    else if (this.#weight >= queueLength && !this.#isPaused) this.#pause()
  }

  start(incoming: NodeRequest, outgoing: ServerResponse, serve: TakeTurn): void {
    this.isBusy = true
    // The event is emitted only once anyway, and `once` is slower.
    outgoing.on('finish', () => this.#finish(incoming.complete))
    this.#leaveTurns = serve()
  }

  #finish(isComplete: boolean): void {
    // The rest of an incomplete request is not another request, nor is any data after a response that closes the connection.
    if (!isComplete) endGracefully(this.#socket)
    this.isBusy = false
    this.#leaveTurns = undefined
    if (this.#waiting.length > 0) this.#startNext()
  }

  #startNext(): void {
    const next = this.#socket.writableEnded || this.#socket.destroyed ? undefined : this.#waiting.shift()
    if (!next) {
      this.abandon()
      return
    }
    this.#weigh(-weightOf(next))
    if (this.#isPaused && this.#weight < queueLength) this.#resume()
    const { incoming, outgoing, serve, context } = next
    context.runInAsyncScope(() => this.start(incoming, outgoing, serve))
  }

  get surplus(): number {
    return Math.max(0, this.#weight - queueLength)
  }

  #weigh(change: number): void {
    const before = this.surplus
    this.#weight += change
    this.#surplus.requests += this.surplus - before
  }

  #pause(): void {
    this.#isPaused = true
    // Node.js resumes the socket for each request that it parsed, and when the client has read what was written.
    this.#socket.on('resume', pauseAgain).pause()
  }

  #resume(): void {
    this.#isPaused = false
    this.#socket.off('resume', pauseAgain).resume()
  }

  /** Drops the waiting requests after the connection closed. */
  abandon(): void {
    const abandoned = this.#waiting
    this.#waiting = []
    this.#weight = 0
    this.#leaveTurns?.()
    this.#leaveTurns = undefined
    // Node.js emits `close` only for the response that is assigned to the socket.
    for (const { outgoing } of abandoned) if (!outgoing.socket) outgoing.emit('close')
  }

  /** Call once a second. */
  closeStalled(): void {
    // After an upgrade, the other protocol has its own limits.
    if (!this.isBusy) return
    const { bytesWritten, writableLength } = this.#socket
    if (this.#progress.secondsWithout(writableLength, bytesWritten - writableLength) >= writeTimeout)
      this.#socket.destroy()
  }
}

/** Closes a connection without parsing the rest of what was read. */
function stopAt(socket: Socket & { parser?: { onIncoming?: unknown } | null }): void {
  socket.destroy()
  // Otherwise, Node.js would create a request and a response for each request that was read. Its parser stops if this returns 2, as it does
  // for an upgrade.
  if (socket.parser?.onIncoming) socket.parser.onIncoming = () => 2
}

function pauseAgain(this: Socket): void {
  this.pause()
}

function weightOf({ incoming }: WaitingRequest): number {
  return Math.max(1, incoming.rawHeaders.length / 2 / linesPerRequest)
}

/** Closes a connection once everything written has been sent, even if the client is still sending. */
export function endGracefully(socket: Duplex): void {
  socket.end()
  socket.resume()
  const late = setTimeout(() => socket.destroy(), graceful)
  socket.once('close', () => clearTimeout(late))
}
