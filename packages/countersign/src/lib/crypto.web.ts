import type { webcrypto } from 'node:crypto'
import type { Algorithm, PrivateJwk, PublicJwk } from './algorithms.js'
import { utf8 } from './encodings.js'
import type { MaybePromise } from './maybe-promise.js'

/** The platform's representation of a key. */
export type KeyHandle = webcrypto.CryptoKey

const parameters = {
  ed25519: { imported: { name: 'Ed25519' }, used: { name: 'Ed25519' } },
  'ecdsa-p256-sha256': { imported: { name: 'ECDSA', namedCurve: 'P-256' }, used: { name: 'ECDSA', hash: 'SHA-256' } },
  'rsa-pss-sha512': { imported: { name: 'RSA-PSS', hash: 'SHA-512' }, used: { name: 'RSA-PSS', saltLength: 64 } },
} as const satisfies Record<Algorithm, unknown>

/** Imports a public JWK. Rejects if the JWK is not a valid key of its type. */
export function importPublicKey(jwk: PublicJwk, algorithm: Algorithm): MaybePromise<KeyHandle> {
  return crypto.subtle.importKey('jwk', keyMembers(jwk), parameters[algorithm].imported, true, ['verify'])
}

/** Imports a private JWK. */
export function importPrivateKey(jwk: PrivateJwk, algorithm: Algorithm): MaybePromise<KeyHandle> {
  return crypto.subtle.importKey('jwk', keyMembers(jwk), parameters[algorithm].imported, false, ['sign'])
}

/** Generates a private key. */
export async function generatePrivateKey(algorithm: Algorithm): Promise<PrivateJwk> {
  const { imported } = parameters[algorithm]
  const size = algorithm === 'rsa-pss-sha512' ? { modulusLength: 3072, publicExponent: Uint8Array.of(1, 0, 1) } : {}
  const pair = (await crypto.subtle.generateKey({ ...imported, ...size }, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair
  const { alg: _alg, ext: _ext, key_ops: _operations, ...jwk } = await crypto.subtle.exportKey('jwk', pair.privateKey)
  // workerd also lists the members that the key does not have.
  return JSON.parse(JSON.stringify(jwk)) as PrivateJwk
}

/** Whether the signature of the data is valid for the key. A string represents its Latin-1 bytes. */
export function verify(
  algorithm: Algorithm,
  key: KeyHandle,
  signature: Uint8Array,
  data: string | Uint8Array,
): MaybePromise<boolean> {
  return crypto.subtle.verify(parameters[algorithm].used, key, signature, bytesOf(data))
}

/** Signs the data. A string represents its Latin-1 bytes. */
export async function sign(algorithm: Algorithm, key: KeyHandle, data: string | Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.sign(parameters[algorithm].used, key, bytesOf(data)))
}

/** SHA-256 (FIPS 180-4). */
export async function sha256(data: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', data))
}

/** SHA-256 of a text in UTF-8, as base64url without padding. */
export async function hashText(text: string): Promise<string> {
  return serializeBase64url(await sha256(utf8(text)))
}

/** SHA-512 (FIPS 180-4). */
export async function sha512(data: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-512', data))
}

/** Cryptographically random bytes. */
export function randomBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length))
}

/** Base64 with padding, as used for byte sequences in structured fields (RFC 8941 §4.1.8). */
export function serializeBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}

/** Base64url without padding (RFC 7515 §2). */
export function serializeBase64url(bytes: Uint8Array): string {
  return serializeBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

function bytesOf(data: string | Uint8Array): Uint8Array {
  if (typeof data !== 'string') return data
  return Uint8Array.from(data, (character) => character.charCodeAt(0))
}

// WebCrypto rejects a JWK with an `alg` that it spells differently (`EdDSA` for Ed25519), so only the key's own numbers are passed.
function keyMembers({ alg: _alg, use: _use, kid: _kid, ...members }: PublicJwk): PublicJwk {
  return members
}
