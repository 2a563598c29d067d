import type { ProtectedResource, ProtectedResourceOptions } from '../bearer-protocol.js'

/** Creates the protected resource, with its metadata. */
export function createProtectedResource(options: ProtectedResourceOptions): ProtectedResource {
  const { id, authServer, name, initialScopes, descriptions } = options
  const { origin, pathname } = new URL(id)
  return {
    id,
    // Between host and path (RFC 9728 §3.1).
    metadataUrl: `${origin}/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}`,
    metadata: {
      resource: id,
      authorization_servers: [authServer],
      // Empty arrays are not allowed (RFC 9728 §3.2).
      ...(initialScopes.length === 0 ? {} : { scopes_supported: initialScopes }),
      bearer_methods_supported: ['header'],
      ...(name === undefined ? {} : { resource_name: name }),
      scope_descriptions: descriptions,
    },
    initialScopes,
    scopes: new Set(Object.keys(descriptions)),
  }
}
