import { algorithmOf, type JoseRules } from '../../lib/algorithms.js'
import type { Signer } from '../../lib/jwk.js'

/**
 * The algorithms of keys and tokens, each under its one fully specified name (RFC 9864), which every key must have (draft -11 §11.3).
 * `EdDSA` is not one of them: it leaves the curve open.
 */
export const draft11Jose: JoseRules = {
  names: { ed25519: ['Ed25519'], 'ecdsa-p256-sha256': ['ES256'], 'rsa-pss-sha512': [] },
  algRequired: true,
}

/** The names of the accepted algorithms, in order of preference. */
export const acceptedAlgorithms: readonly string[] = Object.values(draft11Jose.names).flat()

/** Throws a TypeError for a signer whose algorithm no other party accepts. */
export function requireUsableSigner(option: string, { jwk }: Signer): void {
  const algorithm = algorithmOf(jwk)
  if (algorithm !== undefined && draft11Jose.names[algorithm].length > 0) return
  throw new TypeError(`${option} must have an Ed25519 or P-256 key: draft -11 has no other algorithms`)
}
