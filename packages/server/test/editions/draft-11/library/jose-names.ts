import type { JoseRules } from 'countersign/tokens'

/** One fully specified name for each algorithm (RFC 9864), required on every key. `EdDSA` is not one of them. */
export const joseNames: JoseRules = {
  names: { ed25519: ['Ed25519'], 'ecdsa-p256-sha256': ['ES256'], 'rsa-pss-sha512': ['PS512'] },
  algRequired: true,
}
