import * as platform from '#crypto'
import { type Algorithm, algorithmTable, type PrivateJwk, type PublicJwk } from './algorithms.js'
import { AAuthError } from './errors.js'
import { importVerificationKey, verifyBytes } from './jwk.js'
import type { MaybePromise } from './maybe-promise.js'

/**
 * A private key that signs. It need not hold the key: `sign` may ask a key service. `jwk` is the public half, with
 * `kid`, as published; `thumbprint` is its RFC 7638 thumbprint.
 */
export interface Signer {
  readonly algorithm: Algorithm
  readonly kid: string
  readonly jwk: PublicJwk & { kid: string }
  readonly thumbprint: string
  /** The signature over the data; a string is its Latin-1 bytes. */
  sign(data: string | Uint8Array): MaybePromise<Uint8Array>
}

/**
 * A signer over a private JWK. The `kid` is the JWK's, or the thumbprint where it has none.
 *
 * @throws TypeError when the JWK has no `d`
 * @throws AAuthError `key_invalid`, also when `d` belongs to another public key
 */
export async function createSigner(privateJwk: PrivateJwk): Promise<Signer> {
  if (typeof privateJwk?.d !== 'string') {
    const isSet = typeof privateJwk === 'object' && privateJwk !== null && 'keys' in privateJwk
    const hint = isSet ? ', not the key set that is published' : ''
    throw new TypeError(
      `createSigner needs a private JWK (with the member d), as countersign keys generate --out writes it${hint}`,
    )
  }
  const { d: _d, ...rest } = privateJwk
  const { p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, key_ops: _keyOps, ...publicJwk } = rest as Record<string, unknown>
  const key = await importVerificationKey(publicJwk)
  const handle = await platform.importPrivateKey(privateJwk, key.algorithm)
  if (!(await verifyBytes(key, await platform.sign(key.algorithm, handle, 'pair'), 'pair'))) {
    throw new AAuthError('key_invalid', 'The private members are not those of the public key.')
  }
  const kid = privateJwk.kid ?? key.thumbprint
  return {
    algorithm: key.algorithm,
    kid,
    jwk: { ...key.jwk, kid },
    thumbprint: key.thumbprint,
    sign: (bytes) => platform.sign(key.algorithm, handle, bytes),
  }
}

/** Throws a TypeError that says what to do, for an option that must be a signer and is a JWK, a promise or nothing. */
export function requireSigner(option: string, signer: Signer): void {
  if (typeof signer?.sign === 'function' && typeof signer.jwk === 'object') return
  const mistake = signer instanceof Promise ? 'is a promise' : 'is no signer'
  throw new TypeError(`${option} ${mistake}: give what "await createSigner(privateJwk)" returns`)
}

export interface GeneratePrivateJwkOptions {
  /** @default 'ed25519' */
  algorithm?: Algorithm
  /** Key id. @default the thumbprint */
  kid?: string | undefined
}

/** A new private key as a JWK, to be stored by the caller and given to {@link createSigner}. */
export async function generatePrivateJwk(
  options: GeneratePrivateJwkOptions = {},
): Promise<PrivateJwk & { kid: string }> {
  const { algorithm = 'ed25519' } = options
  if (!Object.hasOwn(algorithmTable, algorithm)) throw new TypeError(`no such algorithm: ${algorithm}`)
  const jwk = await platform.generatePrivateKey(algorithm)
  const { thumbprint } = await createSigner(jwk)
  return { ...jwk, kid: options.kid ?? thumbprint }
}
