import type { IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { NodeRequest } from '../httpsig/receive-incoming.js'
import { networkOf } from '../lib/network-of.js'
import type { NodeResponse } from './send-response.js'
import { WriteProgress } from './write-progress.js'

/** How many connections a server takes. The members are read for each, so that they may change while it runs. */
export interface ConnectionShares {
  /** All together. @default as many as the system gives */
  readonly total?: number | undefined
  /** Of one address, idle or not. @default as many as its network may hold */
  readonly perAddress?: number | undefined
  /** Idle ones of one address. @default as many as it may hold */
  readonly idlePerAddress?: number | undefined
  /** Of one network, idle or not. @default all */
  readonly perNetwork?: number | undefined
  /** When a request makes its connection busy: once its head is there, where bodies have limits of their own. @default 'body' */
  readonly busyFrom?: 'head' | 'body' | undefined
  /** Called for each connection that was closed because there were too many: another one, or the new one. @default not called */
  readonly onClosed?: ((outcome: 'displaced' | 'refused') => void) | undefined
  /** Whether the connections of a peer are neither counted nor closed: a trusted proxy, which limits them itself. */
  readonly isExempt: (peer: string) => boolean
}

/** The answer to a connection for which there is no room, before it asks for anything. */
const noRoom = [
  'HTTP/1.1 503 Service Unavailable',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Length: 22',
  'Retry-After: 5',
  'Connection: close',
  '',
  'Too many connections.\n',
].join('\r\n')

/** Milliseconds that the response in progress has on a connection that is closed for another network's. */
const lastResponse = 1000

/** Seconds after which a connection is not read: its client read nothing of what was written to it. */
const unreadAfter = 2

/**
 * Closes connections that one address or network holds beyond its share, or that are too many in total, so that no client takes the
 * connections of all others. The one that has been idle longest is closed first, then the one whose client has not read its response for longest;
 * if there is neither, the new one gets 503 and is closed. In total, when few are idle, the network that holds most loses one, also
 * a busy one: then its oldest is closed when its response is sent, after a second at most. The new one is refused only if no network
 * holds more than its own. A connection is idle without a request that was received in whole and was
 * not responded to. It is not read if bytes of a response wait and none was sent for 2 seconds. An address is an IPv4 address, or the first 64 bits
 * of an IPv6 address; a network is an IPv4 /24 or an IPv6 /48. Call it when the server, of `node:http`, `node:https` or `node:http2`, has its listeners. A refused client of another
 * protocol than plain HTTP/1.1 sees a broken connection.
 *
 * @example
 * ```ts
 * limitConnections(server, { total: 1000, perAddress: 100, isExempt: createTrustedPeers(['127.0.0.1']) })
 * ```
 */
export function limitConnections(server: Server, shares: ConnectionShares): void {
  const addresses = new Map<string, Holder>()
  const networks = new Map<string, Holder>()
  const all: Holder = { name: '', open: 0, idle: new Set(), unread: new Set() }
  const counted = new Map<Socket, Connection>()
  /** By the peer's address and port: requests over TLS or HTTP/2 have other sockets. */
  const byPeer = new Map<string, Socket>()
  /** Closed for others, while their last response is sent. */
  const leaving = new Set<Socket>()
  let checking: NodeJS.Timeout | undefined

  function forget(socket: Socket): void {
    const connection = counted.get(socket)
    if (!connection || !counted.delete(socket)) return
    byPeer.delete(connection.peer)
    for (const holder of connection.holders) removeFrom(holder, socket)
    if (connection.address.open === 0) addresses.delete(connection.address.name)
    if (connection.network.open === 0) networks.delete(connection.network.name)
    if (counted.size > 0) return
    clearInterval(checking)
    checking = undefined
  }

  /** Once a second: finds the connections that are not read. */
  function check(): void {
    for (const [socket, { holders, progress, whole }] of counted) {
      const { bytesWritten, writableLength } = socket
      const isUnread =
        progress.secondsWithout(writableLength, bytesWritten - writableLength) >= unreadAfter && whole > 0
      for (const { unread } of holders)
        if (isUnread) unread.add(socket)
        else unread.delete(socket)
    }
  }

  /** Closes a connection of an address or a network. */
  function makeRoom({ idle, unread }: Holder, newcomer?: Socket): void {
    const [longestIdle] = idle
    // A new connection is idle, too.
    const isOld = longestIdle !== undefined && longestIdle !== newcomer
    const oldest = isOld ? longestIdle : (firstOf(unread) ?? newcomer)
    if (oldest && oldest === newcomer) refuse(oldest)
    else if (oldest) displace(oldest)
  }

  /** The connection to close if there are too many in total. */
  function leastFair(newcomer: Socket, { network }: Connection, total: number): Socket {
    const [longestIdle] = all.idle
    // Of a few, it may be one whose request is on its way.
    if (longestIdle && all.idle.size > 1 + total / 8) return longestIdle
    let fullest = network
    for (const one of networks.values()) if (one.open > fullest.open) fullest = one
    for (const socket of [...all.idle, ...all.unread])
      if (socket !== newcomer && (counted.get(socket)?.network.open ?? 0) >= fullest.open) return socket
    if (fullest !== network)
      for (const [socket, connection] of counted) if (connection.network === fullest) return socket
    return newcomer
  }

  function refuse(socket: Socket): void {
    forget(socket)
    shares.onClosed?.('refused')
    socket.end(noRoom)
    socket.destroySoon()
  }

  function displace(socket: Socket): void {
    const isBusy = (counted.get(socket)?.whole ?? 0) > 0 && !all.unread.has(socket)
    // Before it is closed: the next one that is too many must be another.
    forget(socket)
    shares.onClosed?.('displaced')
    if (!isBusy || leaving.size >= (shares.total ?? 0) / 8) {
      socket.destroy()
      return
    }
    leaving.add(socket)
    const late = setTimeout(() => socket.destroy(), lastResponse)
    socket.once('close', () => {
      clearTimeout(late)
      leaving.delete(socket)
    })
  }

  function becomeIdle(socket: Socket, { address, holders }: Connection): void {
    for (const { idle, unread } of holders) {
      idle.add(socket)
      unread.delete(socket)
    }
    const { idlePerAddress = Number.POSITIVE_INFINITY } = shares
    if (address.idle.size > idlePerAddress) makeRoom(address)
  }

  server.on('connection', (socket: Socket) => {
    const { remoteAddress } = socket
    if (remoteAddress === undefined || shares.isExempt(remoteAddress)) return
    const address = holderOf(addresses, networkOf(remoteAddress))
    const network = holderOf(networks, networkOf(remoteAddress, 'site'))
    const holders = [all, address, network]
    const peer = peerOf(socket)
    const connection = { peer, address, network, holders, whole: 0, progress: new WriteProgress() }
    counted.set(socket, connection)
    byPeer.set(peer, socket)
    checking ??= setInterval(check, 1000).unref()
    for (const holder of holders) holder.open++
    socket.once('close', () => forget(socket))
    becomeIdle(socket, connection)
    const { total, perAddress, perNetwork } = shares
    for (const [holder, most = Number.POSITIVE_INFINITY] of [
      [address, perAddress],
      [network, perNetwork],
    ] as const)
      if (counted.has(socket) && holder.open > most) makeRoom(holder, socket)
    if (!counted.has(socket) || total === undefined || all.open <= total) return
    const closed = leastFair(socket, connection, total)
    if (closed === socket) refuse(socket)
    else displace(closed)
  })

  function becomeBusy(socket: Socket, connection: Connection): void {
    connection.whole++
    for (const holder of connection.holders) holder.idle.delete(socket)
  }

  function countedOf(socket: Socket): Socket | undefined {
    return counted.has(socket) || leaving.has(socket) ? socket : byPeer.get(peerOf(socket))
  }

  function follow(incoming: NodeRequest, outgoing: NodeResponse): void {
    const socket = countedOf(incoming.socket)
    const connection = socket && counted.get(socket)
    if (!connection) return
    let isWhole = false
    const cameIn = () => {
      if (isWhole || ('closed' in outgoing && outgoing.closed)) return
      isWhole = true
      becomeBusy(socket, connection)
    }
    if (shares.busyFrom === 'head') cameIn()
    else {
      incoming.once('end', cameIn)
      // A request without a body, or with one that came with its head, is whole when the parser has gone on.
      const isHead = 'stream' in outgoing && outgoing.stream.endAfterHeaders
      setImmediate(() => (isHead || incoming.complete) && cameIn())
    }
    outgoing.once('close', () => {
      if (isWhole) connection.whole--
      if (leaving.has(socket)) socket.destroySoon()
      if (isWhole && connection.whole === 0 && counted.has(socket)) becomeIdle(socket, connection)
    })
  }

  server.on('request', follow)
  // Without a listener for these, Node itself does what is to be done.
  if (server.listenerCount('checkContinue') > 0) server.on('checkContinue', follow)
  if (server.listenerCount('upgrade') > 0)
    server.on('upgrade', (incoming: IncomingMessage) => {
      const socket = countedOf(incoming.socket)
      const connection = socket && counted.get(socket)
      if (connection) becomeBusy(socket, connection)
    })
}

interface Connection {
  readonly peer: string
  address: Holder
  network: Holder
  /** These, and that of all. */
  holders: readonly Holder[]
  /** Requests that came in whole and are not answered. */
  whole: number
  readonly progress: WriteProgress
}

/** An address, a network, or all. */
interface Holder {
  readonly name: string
  open: number
  /** In the order in which they became idle. */
  readonly idle: Set<Socket>
  /** In the order in which their clients stopped reading. */
  readonly unread: Set<Socket>
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

function firstOf(sockets: Set<Socket>): Socket | undefined {
  const [first] = sockets
  return first
}
