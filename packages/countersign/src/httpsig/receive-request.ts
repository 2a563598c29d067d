import { readStream, withinLimit } from '../lib/read-stream.js'
import { type ReceivedMessage, readBefore } from './received-message.js'

const noBytes = new Uint8Array(0)

/** The member of a request with the bytes that it was made of: {@link receiveRequest} takes them at any time. */
export const receivedBytes = Symbol('received bytes')

/**
 * Reads a Web `Request` as a received message. The caller can still read the request's own body: a clone is read.
 *
 * A `Request` differs from the wire if URL parsing changed it (`/x/../admin`) or header lines were joined; on Node,
 * receive the `IncomingMessage` instead.
 */
export function receiveRequest(
  request: Request & { readonly [receivedBytes]?: Uint8Array },
  remoteAddress?: string,
): ReceivedMessage {
  const rawHeaders: string[] = []
  let host = false
  for (const [name, value] of request.headers) {
    rawHeaders.push(name, value)
    if (name === 'host') host = true
  }
  // Not every platform provides Host; the URL has the host of the server, which merely selects an authority.
  if (!host) rawHeaders.push('host', hostOf(request.url))
  let read: Promise<Uint8Array> | undefined
  return {
    method: request.method,
    rawTarget: targetOf(request.url),
    rawHeaders,
    remoteAddress,
    body: (limit) => {
      if (read) return withinLimit(read, limit)
      const content = request[receivedBytes]
      if (content) return withinLimit(Promise.resolve(content), limit)
      read = request.body === null ? Promise.resolve(noBytes) : readStream(requireUnread(request), limit)
      return read
    },
  }
}

/** The request target of an absolute URL: path and query, also an empty query (`?`). */
export function targetOf(url: string): string {
  const path = url.indexOf('/', url.indexOf('://') + 3)
  const fragment = url.indexOf('#', path)
  return fragment === -1 ? url.slice(path) : url.slice(path, fragment)
}

function hostOf(url: string): string {
  const start = url.indexOf('://') + 3
  return url.slice(start, url.indexOf('/', start))
}

function requireUnread(request: Request): ReadableStream<Uint8Array> {
  if (request.bodyUsed) throw readBefore()
  return request.clone().body as ReadableStream<Uint8Array>
}
