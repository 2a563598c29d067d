import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { networkOf } from 'countersign/wire'

export interface IdleLimit {
  /** Idle connections that one address may hold. */
  perAddress: number
  /** Whether a peer is not counted: a proxy holds the connections of everybody. */
  isExempt: (peer: string) => boolean
}

/**
 * Closes what one address holds idle beyond the limit, the connection that has been idle longest first: so that nobody
 * takes the connections of all without sending a request. Idle is a connection without a request that runs, also before
 * its first one has come in whole. An address is an IPv4 address, or the first 64 bits of an IPv6 address.
 */
export function limitIdleConnections(server: Server, { perAddress, isExempt }: IdleLimit): void {
  /** By address, in the order in which they became idle. */
  const idle = new Map<string, Set<Socket>>()
  const counted = new WeakMap<Socket, { address: string; running: number }>()

  function becomeIdle(address: string, socket: Socket): void {
    const own = idle.get(address) ?? new Set()
    idle.set(address, own.add(socket))
    const [longest] = own
    if (own.size > perAddress) longest?.destroy()
  }

  function stopBeingIdle(address: string, socket: Socket): void {
    const own = idle.get(address)
    own?.delete(socket)
    if (own?.size === 0) idle.delete(address)
  }

  server.on('connection', (socket: Socket) => {
    const { remoteAddress } = socket
    if (remoteAddress === undefined || isExempt(remoteAddress)) return
    const address = networkOf(remoteAddress)
    counted.set(socket, { address, running: 0 })
    socket.once('close', () => stopBeingIdle(address, socket))
    becomeIdle(address, socket)
  })

  server.on('request', ({ socket }: IncomingMessage, outgoing: ServerResponse) => {
    const connection = counted.get(socket)
    if (!connection) return
    connection.running++
    stopBeingIdle(connection.address, socket)
    outgoing.once('close', () => {
      connection.running--
      if (connection.running === 0 && !socket.destroyed) becomeIdle(connection.address, socket)
    })
  })
}
