import * as crypto from 'node:crypto'
import {
  constants,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  randomBytes as nodeRandomBytes,
  sign as nodeSign,
  verify as nodeVerify,
} from 'node:crypto'
import { promisify } from 'node:util'
import type { Algorithm, PrivateJwk, PublicJwk } from './algorithms.js'
import type { MaybePromise } from './maybe-promise.js'

/** The platform's representation of a key. */
export type KeyHandle = KeyObject

/** Imports a public JWK. Throws if the JWK is not a valid key of its type. */
export function importPublicKey(jwk: PublicJwk, _algorithm: Algorithm): MaybePromise<KeyHandle> {
  return createPublicKey({ key: { ...jwk }, format: 'jwk' })
}

/** Imports a private JWK. */
export function importPrivateKey(jwk: PrivateJwk, _algorithm: Algorithm): MaybePromise<KeyHandle> {
  return createPrivateKey({ key: { ...jwk }, format: 'jwk' })
}

const generate = promisify(generateKeyPair)

/** Generates a private key. */
export async function generatePrivateKey(algorithm: Algorithm): Promise<PrivateJwk> {
  const { privateKey } = await generateFor[algorithm]()
  return privateKey.export({ format: 'jwk' }) as PrivateJwk
}

const generateFor = {
  ed25519: () => generate('ed25519'),
  'ecdsa-p256-sha256': () => generate('ec', { namedCurve: 'P-256' }),
  'rsa-pss-sha512': () => generate('rsa', { modulusLength: 3072 }),
} as const satisfies Record<Algorithm, unknown>

/** Whether the signature of the data is valid for the key. A string represents its Latin-1 bytes. */
export function verify(
  algorithm: Algorithm,
  key: KeyHandle,
  signature: Uint8Array,
  data: string | Uint8Array,
): MaybePromise<boolean> {
  const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data
  switch (algorithm) {
    case 'ed25519':
      return nodeVerify(null, bytes, key, signature)
    case 'ecdsa-p256-sha256':
      return nodeVerify('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }, signature)
    case 'rsa-pss-sha512':
      return nodeVerify('sha512', bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }, signature)
  }
}

/** Signs the data. A string represents its Latin-1 bytes. */
export function sign(algorithm: Algorithm, key: KeyHandle, data: string | Uint8Array): MaybePromise<Uint8Array> {
  const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data
  switch (algorithm) {
    case 'ed25519':
      return nodeSign(null, bytes, key)
    case 'ecdsa-p256-sha256':
      return nodeSign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' })
    case 'rsa-pss-sha512':
      return nodeSign('sha512', bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 })
  }
}

/** SHA-256 (FIPS 180-4). */
export function sha256(data: Uint8Array): MaybePromise<Uint8Array> {
  return createHash('sha256').update(data).digest()
}

/** SHA-256 of a text in UTF-8, as base64url without padding. */
export function hashText(text: string): MaybePromise<string> {
  return hash ? hash('sha256', text, 'base64url') : createHash('sha256').update(text).digest('base64url')
}

/** Faster than a stream of data. Some runtimes with Node's modules do not have it. */
const hash: typeof crypto.hash | undefined = crypto.hash

/** SHA-512 (FIPS 180-4). */
export function sha512(data: Uint8Array): MaybePromise<Uint8Array> {
  return createHash('sha512').update(data).digest()
}

/** Cryptographically random bytes. */
export function randomBytes(length: number): Uint8Array {
  return nodeRandomBytes(length)
}

/** Base64 with padding, as used for byte sequences in structured fields (RFC 8941 §4.1.8). */
export function serializeBase64(bytes: Uint8Array): string {
  return bufferOf(bytes).toString('base64')
}

/** Base64url without padding (RFC 7515 §2). */
export function serializeBase64url(bytes: Uint8Array): string {
  return bufferOf(bytes).toString('base64url')
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
