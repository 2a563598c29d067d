import { randomInt } from 'node:crypto'
import { constants, gzipSync } from 'node:zlib'
import { findAsset } from '../pages/assets.js'
import type { ServerContext } from './context.js'
import { PageError } from './page-error.js'

/**
 * `GET /assets/{name}`: kept for ever where the name has the hash of what is there; else asked for anew each time, which
 * costs no more than a 304.
 */
export async function showAsset(request: Request, name: string): Promise<Response> {
  const found = findAsset(name)
  if (!found) throw new PageError('not_found')
  const { asset, current } = found
  const gzip = takesGzip(request) ? asset.gzip : undefined
  const etag = gzip ? `"${asset.hash}-gzip"` : `"${asset.hash}"`
  const headers = {
    'content-type': asset.type,
    'cache-control': current ? 'public, max-age=31536000, immutable' : 'public, no-cache',
    etag,
    'x-content-type-options': 'nosniff',
    ...(asset.gzip && { vary: 'accept-encoding' }),
    ...(gzip && { 'content-encoding': 'gzip' }),
  }
  const known = (request.headers.get('if-none-match') ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  if (known.includes(etag) || known.includes('*')) return new Response(null, { status: 304, headers })
  return new Response(gzip ?? asset.body, { headers })
}

/** Where a logo is served: another image has another id, so it never changes. */
export function logoPath(id: string): string {
  return `/agents/logos/${id}`
}

/** The paths of logos by agent, of those that have one. */
export async function logoPaths(
  { logos, storage }: ServerContext,
  agents: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (!logos) return new Map()
  const ids = await storage.findLogos([...new Set(agents)])
  return new Map([...ids].map(([agent, id]) => [agent, logoPath(id)]))
}

/** `GET /agents/logos/{id}`: never anything but a picture, whoever made it (attacks K31). */
export async function showLogo({ logos, storage }: ServerContext, id: string): Promise<Response> {
  const image = logos && (await storage.readLogo(id))
  if (!image) throw new PageError('not_found')
  return new Response(image, {
    headers: {
      'content-type': 'image/png',
      'content-security-policy': "default-src 'none'; sandbox",
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'public, max-age=31536000, immutable',
    },
  })
}

/** Below this many characters a page is sent as it is. */
const least = 1000

/** How many bytes of no meaning a page has at most. */
const mostPadding = 100

/** Whether the client takes gzip. */
function takesGzip(request: Request): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:[,;]|$))/i.test(request.headers.get('accept-encoding') ?? '')
}

/** Compresses a page for a client that takes gzip; returns any other response as it is. */
export type Compress = (request: Request, response: Response) => Promise<Response>

/**
 * Creates the compression of pages. The file name in the head of the gzip stream has a random length: what a link brings into
 * a page must not tell by the length what else is on it (BREACH). Pages of an overloaded server are the same for many, and are
 * compressed once.
 */
export function createCompression(): Compress {
  const overloadPages = new Map<string, Buffer>()

  function packedOnce(html: string): Buffer {
    const known = overloadPages.get(html)
    if (known) return known
    if (overloadPages.size >= mostKept) overloadPages.clear()
    const made = packed(html)
    overloadPages.set(html, made)
    return made
  }

  return async function compress(request, response) {
    const { status, headers } = response
    if (!headers.get('content-type')?.startsWith('text/html')) return response
    headers.append('vary', 'accept-encoding')
    if (!takesGzip(request)) return response
    const html = await response.text()
    if (html.length < least) return new Response(html, { status, headers })
    headers.set('content-encoding', 'gzip')
    return new Response(padded(status === overloaded ? packedOnce(html) : packed(html)), { status, headers })
  }
}

const overloaded = 503
const mostKept = 32

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
