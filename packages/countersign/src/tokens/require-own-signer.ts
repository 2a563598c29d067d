import { publishedKeyProblem } from '../lib/published-keys.js'
import { requireSigner, type Signer } from '../lib/signer.js'
import { isLoopbackIdentifier } from '../protocol/identifier.js'

/**
 * Throws a TypeError that says what to do, for an option that must be the signer of an identifier and is none, or holds a
 * key that a standard prints: everybody could sign as that identifier. On loopback such a key may be used.
 */
export function requireOwnSigner(option: string, signer: Signer, identifier: string): void {
  requireSigner(option, signer)
  const problem = isLoopbackIdentifier(identifier) ? undefined : publishedKeyProblem(signer.thumbprint)
  if (problem !== undefined) throw new TypeError(`the key of ${option} ${problem} with countersign keys generate`)
}
