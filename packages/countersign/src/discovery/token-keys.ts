import type { VerificationKey } from '../lib/jwk.js'
import type { DocumentType } from '../protocol/document-type.js'
import type { VerifyTokenOptions } from '../tokens/verify-token.js'
import type { Discovery } from './discovery.js'
import type { Found } from './fetch-document.js'

/**
 * Finds the keys of tokens at their issuers; where a token is not signed by a key that was known before, another one is
 * looked for.
 *
 * @param requireFound the key, or a throw of what a missing key is to be
 * @param remoteAddress where the request came from: what one source can make us fetch is limited
 */
export function tokenKeys(
  discovery: Pick<Discovery, 'findKey' | 'peekKey' | 'renewKey'>,
  type: DocumentType,
  requireFound: (found: Found<VerificationKey>, issuer: string) => VerificationKey,
  remoteAddress?: string,
): Required<Pick<VerifyTokenOptions, 'findKey' | 'renewKey'>> {
  /** Of documents that were fetched for the last lookup: no newer ones are published. */
  const newKeys = new WeakSet<VerificationKey>()

  return {
    async findKey(issuer, kid) {
      const known = discovery.peekKey(type, issuer, kid)
      const outcome = known ? { found: known } : await discovery.findKey(type, issuer, kid, remoteAddress)
      const key = requireFound(outcome, issuer)
      if ('isNew' in outcome) newKeys.add(key)
      else newKeys.delete(key)
      return key
    },
    async renewKey(issuer, kid, key) {
      return newKeys.has(key) ? undefined : discovery.renewKey(type, issuer, kid, key, remoteAddress)
    },
  }
}
