import type { ServerContext } from './context.js'
import { PageError } from './page-error.js'

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
