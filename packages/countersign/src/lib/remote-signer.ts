import type { PublicJwk } from './algorithms.js'
import { AAuthError } from './errors.js'
import { importVerificationKey, type Signer, verifyBytes } from './jwk.js'
import { requireKnownOptions } from './options.js'

export interface RemoteSignerOptions {
  /** The public half, as published by the agent. Its `kid`, or else its thumbprint, identifies the key. */
  jwk: PublicJwk
  /**
   * Calls the service to sign: Ed25519 over the bytes themselves, ECDSA over their SHA-256 hash, RSA-PSS over their SHA-512 hash. The
   * request waits for the service, and rejects with the service's error. Set a timeout well below one minute: after that, the signature
   * would be rejected as too old.
   */
  sign: (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>
  /**
   * How the service encodes ECDSA signatures: `der`, which most services use, or `ieee-p1363`, two 32-byte integers.
   * @default 'ieee-p1363'
   */
  dsaEncoding?: 'der' | 'ieee-p1363' | undefined
}

/**
 * A signer whose private key stays elsewhere, such as in a cloud key service. Each signature is verified before it is used, because every
 * recipient would refuse a signature by another key without saying why.
 *
 * @throws AAuthError `key_invalid` if the public key is invalid. `sign` rejects with `signer_refused` for a signature
 *   that the public key does not verify
 * @throws TypeError for invalid options
 * @example
 * ```ts
 * const signer = await createRemoteSigner({ jwk, sign: (bytes) => keyService.sign('agent-key', bytes) })
 * ```
 */
export async function createRemoteSigner(options: RemoteSignerOptions): Promise<Signer> {
  requireKnownOptions('createRemoteSigner', options, optionNames)
  const { jwk, sign, dsaEncoding = 'ieee-p1363' } = options
  if (typeof sign !== 'function')
    throw new TypeError('createRemoteSigner requires sign, a function that signs with the remote key')
  if (!['der', 'ieee-p1363'].includes(dsaEncoding)) throw new TypeError('dsaEncoding must be der or ieee-p1363')
  const key = await importVerificationKey(jwk)
  const kid = key.jwk.kid ?? key.thumbprint
  const isDer = dsaEncoding === 'der' && key.algorithm === 'ecdsa-p256-sha256'

  async function signChecked(data: string | Uint8Array): Promise<Uint8Array> {
    const bytes = typeof data === 'string' ? Uint8Array.from(data, (each) => each.charCodeAt(0)) : new Uint8Array(data)
    const given = await sign(bytes)
    const signature = isDer ? rawFromDer(given) : given
    if (signature && (await verifyBytes(key, signature, bytes))) return signature
    throw new AAuthError(
      'signer_refused',
      `The service did not sign with the key ${kid}, or its signature is not ${key.algorithm}${isDer ? ' in DER' : ''}.`,
    )
  }

  return { algorithm: key.algorithm, kid, jwk: { ...key.jwk, kid }, thumbprint: key.thumbprint, sign: signChecked }
}

/** The two integers of an ECDSA signature in DER (RFC 3279 §2.2.3), 32 bytes each; undefined for anything else. */
function rawFromDer(der: Uint8Array): Uint8Array | undefined {
  if (der[0] !== 0x30 || der[1] !== der.length - 2) return undefined
  const raw = new Uint8Array(64)
  let at = 2
  for (const end of [32, 64]) {
    const length = Number(der[at + 1])
    const number = der.subarray(at + 2, at + 2 + length)
    // A leading zero byte marks an integer as positive.
    const digits = number[0] === 0 ? number.subarray(1) : number
    if (der[at] !== 0x02 || number.length !== length || digits.length > 32) return undefined
    raw.set(digits, end - digits.length)
    at += 2 + length
  }
  return at === der.length ? raw : undefined
}

const optionNames = {
  jwk: true,
  sign: true,
  dsaEncoding: true,
} as const satisfies Record<keyof RemoteSignerOptions, true>
