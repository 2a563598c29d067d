import { AAuthError, type Discovery, type Found, importVerificationKey, type VerificationKey } from 'countersign'

/** A discovery that finds every key in one set, by `kid`, and fetches nothing. */
export function offlineDiscovery(keys: readonly unknown[]): Discovery {
  async function findKey(kid: string): Promise<Found<VerificationKey>> {
    const jwk = keys.find((key) => typeof key === 'object' && key !== null && 'kid' in key && key.kid === kid)
    if (!jwk) return { failure: { reason: 'unknown_kid', message: 'the file has no key of this kid' } }
    try {
      return { found: await importVerificationKey(jwk) }
    } catch (cause) {
      if (!(cause instanceof AAuthError)) throw cause
      return { failure: { reason: 'refused', message: cause.message, cause } }
    }
  }
  return {
    findMetadata: async () => ({ failure: { reason: 'refused', message: 'documents are not fetched with --jwks' } }),
    findKey: (_kind, _identifier, kid) => findKey(kid),
    findKeyAt: (_jwksUri, kid) => findKey(kid),
    peekKey: () => undefined,
    peekFreshness: () => undefined,
    renewKey: async () => undefined,
    forget: () => undefined,
    forgotten: 0,
  }
}
