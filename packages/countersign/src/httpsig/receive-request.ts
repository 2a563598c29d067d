import { readStream, withinLimit } from '../lib/read-stream.js'
import { type ReceivedMessage, readBefore } from './received-message.js'

const noBytes = new Uint8Array(0)

/** The bytes that requests were made of. */
const contents = new WeakMap<Request, Uint8Array>()

/** Keeps the bytes that a request was made of: {@link receiveRequest} needs not read them from it, and gives them at any time. */
export function keepContent(request: Request, content: Uint8Array): void {
  contents.set(request, content)
}

/**
 * Reads a Web `Request` as a received message. The caller keeps the request's own body: a clone is read.
 *
 * A `Request` has lost what was on the wire where URL parsing changes it (`/x/../admin`) and where header lines were
 * joined; on Node, receive the `IncomingMessage` instead.
 */
export function receiveRequest(request: Request, remoteAddress?: string): ReceivedMessage {
  const rawHeaders: string[] = []
  let host = false
  for (const [name, value] of request.headers) {
    rawHeaders.push(name, value)
    if (name === 'host') host = true
  }
  // Not every platform shows Host; the URL says where the request was received, which merely chooses an authority.
  if (!host) rawHeaders.push('host', hostOf(request.url))
  let read: Promise<Uint8Array> | undefined
  return {
    method: request.method,
    rawTarget: targetOf(request.url),
    rawHeaders,
    remoteAddress,
    body: (limit) => {
      if (read) return withinLimit(read, limit)
      const content = contents.get(request)
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
