import type { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { SocketEvent } from 'countersign'
import { onAuthorizationEnd, type Resource, type VerifiedRequest } from 'countersign/resource'
import type { TrackedRequest } from '../events.js'
import { responseHeaders } from '../headers.js'

/** One end of an upgraded connection, with the bytes that followed its head. */
export interface TunnelEnd {
  socket: Duplex
  head: Buffer
}

export interface WebSocketTunnel {
  client: TunnelEnd
  upstream: TunnelEnd
  resource: Resource
  /** Whether clients may use OAuth, which would treat the API's own challenge as the gateway's. */
  acceptsOAuth: boolean
  /** Undefined if nothing was verified. Otherwise, the tunnel closes when the permission expires or is revoked. */
  verified: VerifiedRequest | undefined
  tracked: TrackedRequest
  /** Functions that close each tunnel of the gateway, by the client's socket. */
  tunnels: Map<Duplex, () => void>
}

/**
 * Sends the upstream's handshake to the client, connects the two sockets, and emits a `socket` event both when the connection opens and
 * when it closes.
 */
export function openWebSocket(
  outgoing: ServerResponse,
  answer: IncomingMessage,
  { client, upstream, resource, acceptsOAuth, verified, tracked, tunnels }: WebSocketTunnel,
): void {
  const { tell, route, caller } = tracked
  outgoing.detachSocket(client.socket as Socket)
  const close = connectEnds(responseHeaders(answer.rawHeaders, acceptsOAuth), client, upstream)
  const began = performance.now()
  tracked.end(answer.statusCode)
  tell?.({ kind: 'socket', route, outcome: 'opened', ...caller, duration: 0 })
  let outcome: SocketEvent['outcome'] = 'ended'
  const closeAs = (reason: typeof outcome) => () => {
    outcome = reason
    close()
  }
  const stop = verified ? onAuthorizationEnd(resource, verified, closeAs('revoked')) : () => undefined
  tunnels.set(client.socket, closeAs('stopped'))
  client.socket.once('close', () => {
    stop()
    tunnels.delete(client.socket)
    tell?.({ kind: 'socket', route, outcome, ...caller, duration: (performance.now() - began) / 1000 })
  })
}

/**
 * Returns a function that closes both ends.
 *
 * @param headers the headers of the handshake, as alternating names and values
 */
function connectEnds(headers: readonly string[], client: TunnelEnd, upstream: TunnelEnd): () => void {
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket']
  for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`)
  const close = () => {
    client.socket.destroy()
    upstream.socket.destroy()
  }
  for (const { socket } of [client, upstream]) {
    socket.on('error', close).on('close', close)
    // Detects a peer that has disappeared without closing the connection.
    if (socket instanceof Socket) socket.setKeepAlive(true, 30_000)
  }
  client.socket.write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'))
  client.socket.write(upstream.head)
  upstream.socket.write(client.head)
  client.socket.pipe(upstream.socket).pipe(client.socket)
  return close
}
