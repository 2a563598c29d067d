import type { IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { NodeRequest } from '../httpsig/receive-incoming.js'
import { networkOf } from '../lib/network-of.js'
import type { NodeResponse } from './send-response.js'
import { bytesOf, WriteProgress, type Writer } from './write-progress.js'

/** How many connections a server accepts. The members are read for each connection, so they may change at run time. */
export interface ConnectionShares {
  /** Total number of connections. @default as many as the system allows */
  readonly total?: number | undefined
  /** Connections from each address, idle or not. @default the limit for each network */
  readonly perAddress?: number | undefined
  /** Idle connections from each address. @default the limit for each address */
  readonly idlePerAddress?: number | undefined
  /** Connections from each network, idle or not. @default the total */
  readonly perNetwork?: number | undefined
  /**
   * When a request makes its connection busy. `head`: as soon as the request's head is received, for servers that limit bodies separately.
   * @default 'body'
   */
  readonly busyFrom?: 'head' | 'body' | undefined
  /** Called for each connection, older or new, that was closed because there were too many. @default not called */
  readonly onClosed?: ((outcome: 'displaced' | 'refused') => void) | undefined
  /** Whether a peer's connections are neither counted nor closed. Intended for a trusted proxy that limits connections itself. */
  readonly isExempt: (peer: string) => boolean
}

/** The response to a connection that exceeds the limits, sent before any request. */
const noRoom = [
  'HTTP/1.1 503 Service Unavailable',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Length: 22',
  'Retry-After: 5',
  'Connection: close',
  '',
  'Too many connections.\n',
].join('\r\n')

/** Milliseconds left for a response in progress on a connection that is being closed to make room for another network. */
const lastResponse = 1000

/** Seconds after which a connection counts as unread if its client has read none of the data written to it. */
const unreadAfter = 2

/**
 * Closes connections beyond the share of one address or network, or beyond the total, so that no client can exhaust them. The connection
 * that has been idle longest is closed first, then the one whose client has not read its response for longest. If there is neither, the
 * new connection gets 503 and is closed. If few are idle in total, the network with the most connections loses its oldest, even a busy
 * one, when its response is sent or after a second. The new connection is refused only if no network exceeds its share. A connection is
 * idle if it has no fully received request without a response. It is unread if none of its waiting bytes was sent for 2 seconds. An
 * address is an IPv4 address or an IPv6 /64; a network is an IPv4 /24 or an IPv6 /48. Call it after the server, of `node:http`,
 * `node:https` or `node:http2`, has its listeners. Refused clients of protocols other than plain HTTP/1.1 see a broken connection.
 *
 * @example
 * ```ts
 * limitConnections(server, { total: 1000, perAddress: 100, isExempt: createTrustedPeers(['127.0.0.1']) })
 * ```
 */
export function limitConnections(server: Server, shares: ConnectionShares): void {
  const connections = new CountedConnections(shares)
  server.on('connection', (socket: Socket) => {
    const { remoteAddress } = socket
    if (remoteAddress !== undefined && !shares.isExempt(remoteAddress)) connections.add(socket, remoteAddress)
  })

  function follow(incoming: NodeRequest, outgoing: NodeResponse): void {
    const socket = connections.socketOf(incoming.socket)
    const connection = socket && connections.get(socket)
    if (!connection) return
    // Over TLS, the underlying socket does not report pending bytes; over HTTP/2, neither does the session's socket.
    const writer = 'stream' in outgoing ? outgoing.stream : incoming.socket
    connection.writers.add(writer)
    let isComplete = false
    const onReceived = () => {
      if (isComplete || ('closed' in outgoing && outgoing.closed)) return
      isComplete = true
      connections.becomeBusy(socket, connection)
    }
    if (shares.busyFrom === 'head') onReceived()
    else {
      incoming.once('end', onReceived)
      // A request that has no body, or whose body arrived with its head, is complete after the parser's next step.
      const isHead = 'stream' in outgoing && outgoing.stream.endAfterHeaders
      setImmediate(() => (isHead || incoming.complete) && onReceived())
    }
    outgoing.once('close', () => {
      if (writer !== incoming.socket) connection.writers.delete(writer)
      connections.responded(socket, connection, isComplete)
    })
  }

  server.on('request', follow)
  // Without listeners for these events, Node handles them itself.
  if (server.listenerCount('checkContinue') > 0) server.on('checkContinue', follow)
  if (server.listenerCount('upgrade') > 0)
    server.on('upgrade', (incoming: IncomingMessage) => {
      const socket = connections.socketOf(incoming.socket)
      const connection = socket && connections.get(socket)
      if (connection) connections.becomeBusy(socket, connection)
    })
}

/** A server's open connections, by address and by network. */
class CountedConnections {
  readonly #shares: ConnectionShares
  readonly #addresses = new Map<string, Holder>()
  readonly #networks = new Map<string, Holder>()
  readonly #all: Holder = { name: '', open: 0, idle: new Set(), unread: new Set() }
  readonly #counted = new Map<Socket, Connection>()
  /** By the peer's address and port, because requests over TLS or HTTP/2 have a different socket object. */
  readonly #byPeer = new Map<string, Socket>()
  /** Displaced connections whose last response is still being sent. */
  readonly #leaving = new Set<Socket>()
  #checking: NodeJS.Timeout | undefined

  constructor(shares: ConnectionShares) {
    this.#shares = shares
  }

  get(socket: Socket): Connection | undefined {
    return this.#counted.get(socket)
  }

  /** The TCP socket under the socket of a request. */
  socketOf(socket: Socket): Socket | undefined {
    return this.#counted.has(socket) || this.#leaving.has(socket) ? socket : this.#byPeer.get(peerOf(socket))
  }

  /** Counts a new connection, and closes one if the address, the network or the total exceeds its limit. */
  add(socket: Socket, remoteAddress: string): void {
    const address = holderOf(this.#addresses, networkOf(remoteAddress))
    const network = holderOf(this.#networks, networkOf(remoteAddress, 'site'))
    const peer = peerOf(socket)
    const connection = newConnection(peer, [this.#all, address, network])
    this.#counted.set(socket, connection)
    this.#byPeer.set(peer, socket)
    this.#checking ??= setInterval(() => markUnread(this.#counted), 1000).unref()
    for (const holder of connection.holders) holder.open++
    socket.once('close', () => this.#forget(socket))
    this.#becomeIdle(socket, connection)
    const { total, perAddress = Number.POSITIVE_INFINITY, perNetwork = Number.POSITIVE_INFINITY } = this.#shares
    if (this.#counted.has(socket) && address.open > perAddress) this.#makeRoom(address, socket)
    if (this.#counted.has(socket) && network.open > perNetwork) this.#makeRoom(network, socket)
    if (!this.#counted.has(socket) || total === undefined || this.#all.open <= total) return
    const closed = pickConnectionToClose(socket, connection, { ...this.#holders(), total })
    if (closed === socket) this.#refuse(socket)
    else this.#displace(closed, total / 8)
  }

  becomeBusy(socket: Socket, connection: Connection): void {
    connection.whole++
    for (const holder of connection.holders) holder.idle.delete(socket)
  }

  /** @param wasBusy whether the connection's request had been fully received */
  responded(socket: Socket, connection: Connection, wasBusy: boolean): void {
    if (wasBusy) connection.whole--
    if (this.#leaving.has(socket)) socket.destroySoon()
    if (wasBusy && connection.whole === 0 && this.#counted.has(socket)) this.#becomeIdle(socket, connection)
  }

  #holders(): Holders {
    return { all: this.#all, networks: this.#networks, counted: this.#counted }
  }

  #becomeIdle(socket: Socket, { address, holders }: Connection): void {
    for (const { idle, unread } of holders) {
      idle.add(socket)
      unread.delete(socket)
    }
    if (address.idle.size > (this.#shares.idlePerAddress ?? Number.POSITIVE_INFINITY)) this.#makeRoom(address)
  }

  /** Closes one connection of an address or a network. */
  #makeRoom({ idle, unread }: Holder, newcomer?: Socket): void {
    const [longestIdle] = idle
    const [longestUnread] = unread
    // A new connection also counts as idle.
    const isOld = longestIdle !== undefined && longestIdle !== newcomer
    const oldest = isOld ? longestIdle : (longestUnread ?? newcomer)
    if (oldest && oldest === newcomer) this.#refuse(oldest)
    else if (oldest) this.#displace(oldest)
  }

  #refuse(socket: Socket): void {
    this.#forget(socket)
    this.#shares.onClosed?.('refused')
    socket.end(noRoom)
    socket.destroySoon()
  }

  #displace(socket: Socket, mostLeaving = 0): void {
    const isBusy = (this.#counted.get(socket)?.whole ?? 0) > 0 && !this.#all.unread.has(socket)
    // Removed from the counts before it is closed: the next connection over the limit must displace a different one.
    this.#forget(socket)
    this.#shares.onClosed?.('displaced')
    if (!isBusy || this.#leaving.size >= mostLeaving) {
      socket.destroy()
      return
    }
    this.#leaving.add(socket)
    const late = setTimeout(() => socket.destroy(), lastResponse)
    socket.once('close', () => {
      clearTimeout(late)
      this.#leaving.delete(socket)
    })
  }

  #forget(socket: Socket): void {
    const connection = this.#counted.get(socket)
    if (!connection) return
    this.#counted.delete(socket)
    this.#byPeer.delete(connection.peer)
    for (const holder of connection.holders) removeFrom(holder, socket)
    if (connection.address.open === 0) this.#addresses.delete(connection.address.name)
    if (connection.network.open === 0) this.#networks.delete(connection.network.name)
    if (this.#counted.size > 0) return
    clearInterval(this.#checking)
    this.#checking = undefined
  }
}

interface Holders {
  all: Holder
  networks: ReadonlyMap<string, Holder>
  counted: ReadonlyMap<Socket, Connection>
}

/** Marks the connections whose clients are not reading their response. Runs once a second. */
function markUnread(counted: ReadonlyMap<Socket, Connection>): void {
  for (const [socket, { holders, progress, writers, whole }] of counted) {
    const { unsent, sent } = bytesOf(writers)
    const isUnread = progress.secondsWithout(unsent, sent) >= unreadAfter && whole > 0
    for (const { unread } of holders)
      if (isUnread) unread.add(socket)
      else unread.delete(socket)
  }
}

/** The connection to close if the total exceeds its limit. */
function pickConnectionToClose(
  newcomer: Socket,
  { network }: Connection,
  { all, networks, counted, total }: Holders & { total: number },
): Socket {
  const [longestIdle] = all.idle
  // If only a few connections are idle, the oldest one may have a request in transit.
  if (longestIdle && all.idle.size > 1 + total / 8) return longestIdle
  let fullest = network
  for (const one of networks.values()) if (one.open > fullest.open) fullest = one
  for (const socket of [...all.idle, ...all.unread])
    if (socket !== newcomer && (counted.get(socket)?.network.open ?? 0) >= fullest.open) return socket
  if (fullest !== network) for (const [socket, connection] of counted) if (connection.network === fullest) return socket
  return newcomer
}

interface Connection {
  readonly peer: string
  address: Holder
  network: Holder
  /** The address, the network and the total. */
  holders: readonly Holder[]
  /** Fully received requests that have no complete response yet. */
  whole: number
  /** The objects to which responses are written: the socket, the TLS socket, or the streams of an HTTP/2 session. */
  readonly writers: Set<Writer>
  readonly progress: WriteProgress
}

/** An address, a network, or the total. */
interface Holder {
  readonly name: string
  open: number
  /** Ordered by when they became idle. */
  readonly idle: Set<Socket>
  /** Ordered by when their clients stopped reading. */
  readonly unread: Set<Socket>
}

function newConnection(peer: string, holders: readonly [all: Holder, address: Holder, network: Holder]): Connection {
  const [, address, network] = holders
  return { peer, address, network, holders, whole: 0, writers: new Set(), progress: new WriteProgress() }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

function holderOf(holders: Map<string, Holder>, name: string): Holder {
  const holder = holders.get(name) ?? { name, open: 0, idle: new Set(), unread: new Set() }
  holders.set(name, holder)
  return holder
}

function removeFrom(holder: Holder, socket: Socket): void {
  holder.idle.delete(socket)
  holder.unread.delete(socket)
  holder.open--
}
