import { createDiscovery, type Discovery, type IdentifierOptions } from 'countersign/wire'

/** A discovery that finds every key in one set, by `kid`, as a server would find it where it is published. */
export function offlineDiscovery(
  keys: readonly unknown[],
  { allowInsecureLoopback = false }: IdentifierOptions,
): Discovery {
  const jwksUri = allowInsecureLoopback ? 'http://127.0.0.1:1/jwks.json' : 'https://jwks.invalid/jwks.json'
  const discovery = createDiscovery({
    allowInsecureLoopback,
    fetch: async () => Response.json({ keys }),
    failureTime: 'shortest',
  })
  return {
    ...discovery,
    findMetadata: async () => ({ failure: { reason: 'refused', message: 'documents are not fetched with --jwks' } }),
    findKey: (_kind, _identifier, kid) => discovery.findKeyAt(jwksUri, kid),
    findKeyAt: (_jwksUri, kid) => discovery.findKeyAt(jwksUri, kid),
    renewKey: async () => undefined,
  }
}
