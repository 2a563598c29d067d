import type { ServerContext } from './context.js'
import { takesGzip } from './html-response.js'
import { PageError } from './page-error.js'

const imagePolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

/** `GET /assets/{name}`: cached forever if the name contains the content hash; otherwise revalidated each time, at the cost of a 304. */
export async function showAsset({ brand }: ServerContext, request: Request, name: string): Promise<Response> {
  const found = brand.findAsset(name)
  if (!found) throw new PageError('not_found')
  const { asset, current } = found
  const gzip = takesGzip(request) ? asset.gzip : undefined
  const etag = gzip ? `"${asset.hash}-gzip"` : `"${asset.hash}"`
  const headers = {
    'content-type': asset.type,
    'cache-control': current ? 'public, max-age=31536000, immutable' : 'public, no-cache',
    etag,
    'x-content-type-options': 'nosniff',
    // The operator's logo may be an SVG image, and images run no scripts.
    ...(asset.type.startsWith('image/') && { 'content-security-policy': imagePolicy }),
    ...(asset.gzip && { vary: 'accept-encoding' }),
    ...(gzip && { 'content-encoding': 'gzip' }),
  }
  const known = (request.headers.get('if-none-match') ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  if (known.includes(etag) || known.includes('*')) return new Response(null, { status: 304, headers })
  return new Response(gzip ?? asset.body, { headers })
}

/** The path of a logo. A different image has a different id, so the content at a path never changes. */
export function logoPath(id: string): string {
  return `/agents/logos/${id}`
}

/** Returns the logo paths of the agents that have a logo, by agent. */
export async function logoPaths(
  { logos, storage }: ServerContext,
  agents: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (!logos) return new Map()
  const ids = await storage.findLogos([...new Set(agents)])
  return new Map([...ids].map(([agent, id]) => [agent, logoPath(id)]))
}

/** `GET /agents/logos/{id}`: serves only images, whatever their source (attacks K31). */
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
