import { metadataUrl } from '../protocol/metadata.js'
import type { Resource } from './create-resource.js'
import { requireResource } from './require-resource.js'

/** The paths that `resource.handler` answers: the document, the keys and the token endpoint. */
export function publishedPaths(resource: Resource): ReadonlySet<string> {
  requireResource(resource)
  const { id, metadata } = resource
  const urls = [metadataUrl(id, 'aauth-resource'), metadata.jwks_uri, metadata.resource_token_endpoint]
  return new Set(urls.filter((url) => url !== undefined).map((url) => new URL(url).pathname))
}
