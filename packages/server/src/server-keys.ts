import type { PublicJwk, Signer } from 'countersign'

/** The server's own keys; they may change while it runs. */
export interface ServerKeys {
  /** The key that signs now. */
  signer(): Promise<Signer>
  /** What `/jwks.json` shows: keys before their use, in use, and as long as tokens signed by them live. */
  publicKeys(): Promise<readonly PublicJwk[]>
  /** At least 32 random bytes, durable and the same on every instance: codes and form values are derived from it. */
  readonly secret: Uint8Array
}

export interface FixedKeysOptions {
  signer: Signer
  /** At least 32 random bytes, durable and the same on every instance. */
  secret: Uint8Array
  /** Older public keys to keep publishing while tokens signed by them live. */
  retired?: readonly PublicJwk[]
}

/** Keys that stay the same while the process runs: from your own store or key service. */
export function fixedKeys({ signer, secret, retired = [] }: FixedKeysOptions): ServerKeys {
  return { signer: async () => signer, publicKeys: async () => [signer.jwk, ...retired], secret }
}
