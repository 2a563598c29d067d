import type { SignatureKey } from '../httpsig/signature-key.js'
import type { Discovery } from './discovery.js'
import { isPublishedKind, type ResolvedKey } from './resolve-key.js'

/**
 * Looks for another key behind `Signature-Key`, where the signature is not by the one that was found.
 *
 * @param remoteAddress where the request came from: what one source can make us fetch is limited
 */
export type KeyRenewer = (
  signatureKey: SignatureKey,
  resolved: ResolvedKey,
  remoteAddress?: string,
) => Promise<ResolvedKey | undefined>

/**
 * Creates the `renewKey` of `verifySignature`: an agent that made a new key may publish it under the `kid` of the old
 * one, as those do that make one whenever they start.
 */
export function createKeyRenewer(discovery: Pick<Discovery, 'renewKey'>): KeyRenewer {
  return async (signatureKey, resolved, remoteAddress) => {
    if (signatureKey.scheme !== 'jwks' || 'jwksUri' in signatureKey) return undefined
    if (resolved.agent === undefined || resolved.isNew) return undefined
    const { id, kid, wellKnown: kind = 'aauth-agent' } = signatureKey
    if (!isPublishedKind(kind)) return undefined
    const key = await discovery.renewKey(kind, id, kid, resolved.key, remoteAddress)
    return key && { ...resolved, key }
  }
}
