import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { networkOf } from '../lib/network-of.js'
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
  /** Called for each connection that was closed because there were too many: one that was idle or not read, or the new one. @default not called */
  readonly onClosed?: ((outcome: 'displaced' | 'refused') => void) | undefined
  /** Whether a peer counts in the total only: a proxy holds the connections of everybody. */
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

/** Seconds after which a connection is not read: its client read nothing of what was written to it. */
const unreadAfter = 2

/**
 * Closes connections that one address or network holds beyond its share, or that are too many in total, so that no client takes the
 * connections of all others. The one that has been idle longest is closed first, then the one whose client has not read its response for longest;
 * if there is neither, the new one gets 503 and is closed. A connection is idle without a request that was received in whole and was
 * not responded to. It is not read if bytes of a response wait and none was sent for 2 seconds. An address is an IPv4 address, or the first 64 bits
 * of an IPv6 address; a network is an IPv4 /24 or an IPv6 /48. Call it when the server has its listeners.
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
  let checking: NodeJS.Timeout | undefined

  function forget(socket: Socket): void {
    const connection = counted.get(socket)
    if (!connection || !counted.delete(socket)) return
    for (const holder of connection.holders) removeFrom(holder, socket)
    if (connection.address?.open === 0) addresses.delete(connection.address.name)
    if (connection.network?.open === 0) networks.delete(connection.network.name)
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

  function makeRoom({ idle, unread }: Holder, newcomer?: Socket): void {
    const [longestIdle] = idle
    // A new connection is idle, too.
    const isOld = longestIdle !== undefined && longestIdle !== newcomer
    const oldest = isOld ? longestIdle : (firstOf(unread) ?? newcomer)
    if (!oldest) return
    // Before it is closed: the next one that is too many must be another.
    forget(oldest)
    shares.onClosed?.(oldest === newcomer ? 'refused' : 'displaced')
    if (oldest !== newcomer) oldest.destroy()
    else {
      oldest.end(noRoom)
      oldest.destroySoon()
    }
  }

  function becomeIdle(socket: Socket, { address, holders }: Connection): void {
    if (!address) return
    for (const { idle, unread } of holders) {
      idle.add(socket)
      unread.delete(socket)
    }
    const { idlePerAddress = Number.POSITIVE_INFINITY } = shares
    if (address.idle.size > idlePerAddress) makeRoom(address)
  }

  server.on('connection', (socket: Socket) => {
    const { remoteAddress } = socket
    if (remoteAddress === undefined) return
    const isExempt = shares.isExempt(remoteAddress)
    const address = isExempt ? undefined : holderOf(addresses, networkOf(remoteAddress))
    const network = isExempt ? undefined : holderOf(networks, networkOf(remoteAddress, 'site'))
    const holders = [all, ...(address ? [address] : []), ...(network ? [network] : [])]
    const connection = { address, network, holders, whole: 0, progress: new WriteProgress() }
    counted.set(socket, connection)
    checking ??= setInterval(check, 1000).unref()
    for (const holder of holders) holder.open++
    socket.once('close', () => forget(socket))
    becomeIdle(socket, connection)
    const { total, perAddress, perNetwork } = shares
    for (const [holder, most = Number.POSITIVE_INFINITY] of [
      [address, perAddress],
      [network, perNetwork],
      [all, total],
    ] as const)
      if (counted.has(socket) && holder && holder.open > most) makeRoom(holder, socket)
  })

  function becomeBusy(socket: Socket, connection: Connection): void {
    connection.whole++
    for (const holder of connection.holders) holder.idle.delete(socket)
  }

  function follow(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { socket } = incoming
    const connection = counted.get(socket)
    if (!connection) return
    let isWhole = false
    const cameIn = () => {
      if (isWhole || outgoing.closed) return
      isWhole = true
      becomeBusy(socket, connection)
    }
    if (shares.busyFrom === 'head') cameIn()
    else {
      incoming.once('end', cameIn)
      // A request without a body, or with one that came with its head, is whole when the parser has gone on.
      setImmediate(() => incoming.complete && cameIn())
    }
    outgoing.once('close', () => {
      if (isWhole) connection.whole--
      if (isWhole && connection.whole === 0 && counted.has(socket)) becomeIdle(socket, connection)
    })
  }

  server.on('request', follow)
  // Without a listener for these, Node itself does what is to be done.
  if (server.listenerCount('checkContinue') > 0) server.on('checkContinue', follow)
  if (server.listenerCount('upgrade') > 0)
    server.on('upgrade', ({ socket }: IncomingMessage) => {
      const connection = counted.get(socket)
      if (connection) becomeBusy(socket, connection)
    })
}

interface Connection {
  /** Undefined for who is exempt. */
  address: Holder | undefined
  network: Holder | undefined
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
