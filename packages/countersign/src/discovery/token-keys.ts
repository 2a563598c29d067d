import type { VerificationKey } from '../lib/jwk.js'
import type { DocumentType } from '../protocol/document-type.js'
import type { VerifyTokenOptions } from '../tokens/verify-token.js'
import type { Discovery } from './discovery.js'
import type { Found } from './fetch-document.js'

/**
 * Returns what finds the keys of tokens at their issuers. If a token is not signed by a key that was cached, a newer one is
 * looked for.
 *
 * @param requireFound returns the key, or throws what a missing key is to be
 * @param remoteAddress where the request came from: what one source can make us fetch is limited
 */
export function findTokenKey(
  discovery: Pick<Discovery, 'findKey' | 'peekKey' | 'renewKey'>,
  type: DocumentType,
  requireFound: (found: Found<VerificationKey>, issuer: string) => VerificationKey,
  remoteAddress?: string,
): VerifyTokenOptions['findKey'] {
  return async (issuer, kid) => {
    const known = discovery.peekKey(type, issuer, kid)
    const outcome = known ? { found: known } : await discovery.findKey(type, issuer, kid, remoteAddress)
    const key = requireFound(outcome, issuer)
    // A document that was fetched for this lookup has the newest key.
    if ('isNew' in outcome) return { key }
    return { key, renew: () => discovery.renewKey(type, issuer, kid, key, remoteAddress) }
  }
}
