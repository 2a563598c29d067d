import type { SigningProfile } from '../httpsig/signing-profile.js'
import { AAuthError } from '../lib/errors.js'
import type { Refused } from '../lib/refusal.js'
import { decodeToken } from '../tokens/decode-token.js'

/**
 * Who a request that was not verified says it is from: whose keys are looked for, whatever else its token claims.
 *
 * @param signatureKey the text of the header `Signature-Key`
 */
export function claimedAgent({ parseKey }: Pick<SigningProfile, 'parseKey'>, signatureKey: string): Refused {
  try {
    const { key } = parseKey(signatureKey)
    const agent = 'id' in key ? key.id : key.scheme === 'jwt' ? decodeToken(key.jwt)?.payload.iss : undefined
    return typeof agent === 'string' ? { agent, claimed: true } : {}
  } catch (error) {
    if (error instanceof AAuthError) return {}
    throw error
  }
}
