import { findAsset } from '../pages/assets.js'
import { takesGzip } from './compressed.js'
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
