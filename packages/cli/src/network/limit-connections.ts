import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { networkOf } from 'countersign/wire'

export interface ConnectionShares {
  /** Idle connections that one address may hold. */
  idlePerAddress: number
  /** Connections that one network may hold, idle or not. */
  perNetwork: number
  /** Whether a peer is not counted: a proxy holds the connections of everybody. */
  isExempt: (peer: string) => boolean
}

/**
 * Closes what one address holds idle, or one network at all, beyond its share, the connection that has been idle longest
 * first: so that nobody takes the connections of all. Idle is a connection without a request that came in whole, with its
 * body, and is not answered yet. An address is an IPv4 address, or the first 64 bits of an IPv6 address; a network is an
 * IPv4 /24 or an IPv6 /48.
 */
export function limitConnections(server: Server, { idlePerAddress, perNetwork, isExempt }: ConnectionShares): void {
  const addresses = new Map<string, Holder>()
  const networks = new Map<string, Holder>()
  const counted = new WeakMap<Socket, Connection>()

  function close(socket: Socket | undefined): void {
    if (!socket) return
    // At once, not when it was told: the next one that is too many must be another.
    forget(socket)
    socket.destroy()
  }

  function forget(socket: Socket): void {
    const connection = counted.get(socket)
    if (!connection || !counted.delete(socket)) return
    removeFrom(addresses, connection.address, socket)
    removeFrom(networks, connection.network, socket)
  }

  function becomeIdle(socket: Socket, { address, network }: Connection): void {
    network.idle.add(socket)
    address.idle.add(socket)
    if (address.idle.size > idlePerAddress) close(firstOf(address.idle))
  }

  server.on('connection', (socket: Socket) => {
    const { remoteAddress } = socket
    if (remoteAddress === undefined || isExempt(remoteAddress)) return
    const address = holderOf(addresses, networkOf(remoteAddress))
    const network = holderOf(networks, networkOf(remoteAddress, 'site'))
    const connection = { address, network, whole: 0 }
    counted.set(socket, connection)
    address.open++
    network.open++
    socket.once('close', () => forget(socket))
    becomeIdle(socket, connection)
    if (network.open > perNetwork) close(firstOf(network.idle))
  })

  server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { socket } = incoming
    const connection = counted.get(socket)
    if (!connection) return
    let isWhole = false
    const cameIn = () => {
      if (isWhole || outgoing.closed) return
      isWhole = true
      connection.whole++
      connection.network.idle.delete(socket)
      connection.address.idle.delete(socket)
    }
    incoming.once('end', cameIn)
    // A request without a body, or with one that came with its head, is whole when the parser has gone on.
    setImmediate(() => incoming.complete && cameIn())
    outgoing.once('close', () => {
      if (isWhole) connection.whole--
      if (isWhole && connection.whole === 0 && counted.has(socket)) becomeIdle(socket, connection)
    })
  })
}

interface Connection {
  address: Holder
  network: Holder
  /** Requests that came in whole and are not answered. */
  whole: number
}

/** An address or a network. */
interface Holder {
  readonly name: string
  open: number
  /** In the order in which they became idle. */
  readonly idle: Set<Socket>
}

function holderOf(holders: Map<string, Holder>, name: string): Holder {
  const holder = holders.get(name) ?? { name, open: 0, idle: new Set() }
  holders.set(name, holder)
  return holder
}

function removeFrom(holders: Map<string, Holder>, holder: Holder, socket: Socket): void {
  holder.idle.delete(socket)
  if (--holder.open === 0) holders.delete(holder.name)
}

function firstOf(sockets: Set<Socket>): Socket | undefined {
  const [first] = sockets
  return first
}
