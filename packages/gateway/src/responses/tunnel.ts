import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { answerHeaders } from '../upstream/forwarded-headers.js'

/** The two ends of a connection that was upgraded, and what each had sent already. */
interface Tunnel {
  client: Duplex
  clientHead: Buffer
  upstream: Duplex
  upstreamHead: Buffer
}

/** Answers the handshake as the upstream did, and passes on what both say. Gives what ends it. */
export function openTunnel(
  answer: IncomingMessage,
  { client, clientHead, upstream, upstreamHead }: Tunnel,
): () => void {
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket']
  const headers = answerHeaders(answer.rawHeaders)
  for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`)
  const end = () => {
    client.destroy()
    upstream.destroy()
  }
  for (const side of [client, upstream]) {
    side.on('error', end).on('close', end)
    // An end that is gone without a word is found out.
    if (side instanceof Socket) side.setKeepAlive(true, 30_000)
  }
  client.write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'))
  client.write(upstreamHead)
  upstream.write(clientHead)
  client.pipe(upstream).pipe(client)
  return end
}
