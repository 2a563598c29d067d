import type { IncomingMessage } from 'node:http'
import type { ReceivedMessage } from '../httpsig/received-message.js'
import { AAuthError } from '../lib/errors.js'
import { withinLimit } from '../lib/read-stream.js'

const noBytes = new Uint8Array(0)

/**
 * Reads Node's `IncomingMessage` as a received message: header lines and the request target as they were on the wire.
 * The body is read from the stream, which must not have been read before; it can be asked for again afterwards.
 */
export function receiveIncoming(incoming: IncomingMessage): ReceivedMessage {
  let read: Promise<Uint8Array> | undefined
  return {
    method: incoming.method ?? 'GET',
    rawTarget: incoming.url ?? '/',
    rawHeaders: incoming.rawHeaders,
    remoteAddress: incoming.socket.remoteAddress,
    body: (limit) => {
      if (!hasBody(incoming)) return noBytes
      if (read) return withinLimit(read, limit)
      read = readIncoming(incoming, limit)
      return read
    },
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return (
    headers['transfer-encoding'] !== undefined ||
    (headers['content-length'] !== undefined && headers['content-length'] !== '0')
  )
}

async function readIncoming(incoming: IncomingMessage, limit: number): Promise<Uint8Array> {
  if (incoming.readableDidRead) {
    throw new TypeError(
      'the body was read before the signature was verified: verify first, so that the digest covers the bytes as sent',
    )
  }
  const refusal = () => new AAuthError('body_too_large', `The body is larger than ${limit} bytes.`)
  if (Number(incoming.headers['content-length']) > limit) throw refusal()
  const chunks: Buffer[] = []
  let length = 0
  // Leaving the loop must not end the connection: the refusal is still to be sent on it.
  for await (const chunk of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > limit) throw refusal()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
