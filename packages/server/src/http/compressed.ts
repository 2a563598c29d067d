import { randomInt } from 'node:crypto'
import { constants, gzipSync } from 'node:zlib'
import { pageIn } from './html-response.js'

/** Below this many characters a page is sent as it is. */
const least = 1000

/** How many bytes of no meaning a page has at most. */
const mostPadding = 100

/** Whether the client takes gzip. */
export function takesGzip(request: Request): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:[,;]|$))/i.test(request.headers.get('accept-encoding') ?? '')
}

/**
 * A page as it is sent to a client that takes gzip; any other response as it is. The file name in the head of the gzip
 * stream has a random length: what a link brings into a page must not tell by the length what else is on it (BREACH).
 */
export function compressed(request: Request, response: Response): Response {
  const html = pageIn(response)
  if (html === undefined) return response
  const { status, headers } = response
  headers.append('vary', 'accept-encoding')
  if (html.length < least || !takesGzip(request)) return response
  headers.set('content-encoding', 'gzip')
  return new Response(padded(status === busy ? packedOnce(html) : packed(html)), { status, headers })
}

const busy = 503

/** Pages that say that there is too much to do: they are the same for many, and most are sent when there is least time. */
const busyPages = new Map<string, Buffer>()
const mostBusyPages = 32

function packedOnce(html: string): Buffer {
  const known = busyPages.get(html)
  if (known) return known
  if (busyPages.size >= mostBusyPages) busyPages.clear()
  const made = packed(html)
  busyPages.set(html, made)
  return made
}

function packed(html: string): Buffer {
  return gzipSync(html, { level: constants.Z_BEST_SPEED })
}

const headLength = 10
const hasName = 8

/** The same stream with a file name (RFC 1952 §2.3.1). */
function padded(stream: Buffer): Buffer<ArrayBuffer> {
  const name = `${'p'.repeat(randomInt(1, mostPadding + 1))}\0`
  const head = Buffer.from(stream.subarray(0, headLength))
  head.writeUInt8(head.readUInt8(3) | hasName, 3)
  return Buffer.concat([head, Buffer.from(name), stream.subarray(headLength)])
}
