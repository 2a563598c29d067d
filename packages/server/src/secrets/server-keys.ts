import type { PublicJwk, Signer } from 'countersign'
import { type JoseRules, publishedJwk, requireOwnSigner } from 'countersign/tokens'
import type { BackgroundWork } from '../storage/api/background-work.js'

/** The server's own keys; they may change while it runs. */
export interface ServerKeys {
  /** The key that signs now. */
  signer(): Signer | Promise<Signer>
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
  return { signer: () => signer, publicKeys: async () => [signer.jwk, ...retired], secret }
}

/**
 * The keys, published as the edition names algorithms, which must be the issuer's own: a key that a standard prints is refused at once where it is at hand; else it
 * is reported in the background, and refused whenever it is to sign.
 *
 * @throws TypeError
 */
export function requireOwnKeys(
  keys: ServerKeys,
  issuer: string,
  { jose, background }: { jose: JoseRules; background: BackgroundWork },
): ServerKeys {
  const requireOwn = (signer: Signer): Signer => {
    requireOwnSigner('keys', signer, issuer)
    return signer
  }
  const current = keys.signer()
  if (current instanceof Promise) background.run(async () => requireOwn(await current))
  else requireOwn(current)
  return {
    signer: async () => requireOwn(await keys.signer()),
    publicKeys: async () => (await keys.publicKeys()).map((jwk) => publishedJwk(jwk, jose)),
    secret: keys.secret,
  }
}

/** Why keys could not be opened or moved; `code` is stable, the message is a sentence for an operator. */
export class KeyError extends Error {
  readonly code: 'master_key_wrong' | 'no_active_key' | 'next_key_too_new' | 'cannot_sign'
  /** Unix seconds: when the next key may be used, for `next_key_too_new`. */
  readonly readyAt: number | undefined

  constructor(code: KeyError['code'], message: string, options: { readyAt?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'KeyError'
    this.code = code
    this.readyAt = options.readyAt
  }
}
