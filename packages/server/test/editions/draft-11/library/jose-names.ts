import type { JoseRules } from 'countersign/tokens'

/** One fully specified name for each algorithm (RFC 9864), which every key must have; there is no `EdDSA`. */
export const joseNames: JoseRules = {
  names: { ed25519: ['Ed25519'], 'ecdsa-p256-sha256': ['ES256'], 'rsa-pss-sha512': ['PS512'] },
  algRequired: true,
}
