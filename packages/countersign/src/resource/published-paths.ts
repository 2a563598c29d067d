import { metadataUrl } from '../protocol/metadata.js'
import type { Resource } from './create-resource.js'

/** The paths that `resource.handler` answers: the document, the keys and the token endpoint. */
export function publishedPaths({ id, metadata }: Resource): ReadonlySet<string> {
  const urls = [metadataUrl(id, 'aauth-resource'), metadata.jwks_uri, metadata.resource_token_endpoint]
  return new Set(urls.filter((url) => url !== undefined).map((url) => new URL(url).pathname))
}
