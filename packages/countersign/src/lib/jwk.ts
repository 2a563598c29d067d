import * as platform from '#crypto'
import { after } from './after.js'
import { type Algorithm, algorithmNames, algorithmOf, algorithmTable, type PublicJwk } from './algorithms.js'
import { serializeBase64url, utf8 } from './base64url.js'
import { systemClock } from './clock.js'
import { AAuthError } from './errors.js'
import { LruCache } from './lru-cache.js'
import type { MaybePromise } from './maybe-promise.js'

/** A public key ready to verify with. */
export interface VerificationKey {
  readonly algorithm: Algorithm
  /** Only the members that make up the key, plus `kid` where it was given. */
  readonly jwk: PublicJwk
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string
  readonly handle: platform.KeyHandle
}

/** The JWK thumbprint (RFC 7638 with SHA-256): base64url, 43 characters. Throws `key_invalid` for a type we do not use. */
export async function jwkThumbprint(jwk: PublicJwk): Promise<string> {
  const members = keyMembers(jwk, requireAlgorithm(jwk))
  return serializeBase64url(await platform.sha256(utf8(canonicalMembers(members))))
}

/**
 * Checks and imports a public key that came from elsewhere. Throws `key_invalid` for private or symmetric members, an
 * unknown type, wrong lengths and points of small order; and an `alg` that names another type.
 */
export async function importVerificationKey(jwk: unknown): Promise<VerificationKey> {
  return importKey(jwk)
}

/** {@link importVerificationKey}, at once where the platform can; it may throw at once, too. */
export function importKey(jwk: unknown): MaybePromise<VerificationKey> {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) {
    throw new AAuthError('key_invalid', 'The key is not a JSON object.')
  }
  for (const member of Object.keys(jwk)) {
    if (secretMembers.has(member)) throw new AAuthError('key_invalid', 'The key has private members.')
  }
  const candidate = jwk as PublicJwk
  const algorithm = requireAlgorithm(candidate)
  const row = algorithmTable[algorithm]
  if (!isForVerifying(jwk)) throw new AAuthError('key_invalid', 'The key is not meant to verify signatures.')
  if (candidate.alg !== undefined && candidate.alg !== algorithm && !row.jose.includes(candidate.alg)) {
    throw new AAuthError('key_invalid', `The key's alg does not belong to its type (${row.kty}).`)
  }
  const members = keyMembers(candidate, algorithm)
  const id = idOf(members)
  const known = importedKeys.get(id, systemClock()) ?? importMembers(id, members, algorithm)
  const { kid } = candidate
  if (typeof kid !== 'string') return known
  return after(known, (key) => ({ ...key, jwk: { ...members, kid } }))
}

const secretMembers: ReadonlySet<string> = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'])

function idOf(members: PublicJwk): string {
  let id = ''
  for (const value of Object.values(members)) id += `${value} `
  return id
}

/**
 * Keys by what they are made of, which for a usable key holds no blank: the same members are the same key for ever, so
 * that nothing here grows old.
 */
const importedKeys = new LruCache<VerificationKey>(4096)

function importMembers(id: string, members: PublicJwk, algorithm: Algorithm): MaybePromise<VerificationKey> {
  const refusal = algorithmTable[algorithm].refuse(members)
  if (refusal !== undefined) throw new AAuthError('key_invalid', `The key cannot be used: ${refusal}.`)
  return after(importHandle(members, algorithm), (handle) =>
    after(platform.sha256(utf8(canonicalMembers(members))), (digest) => {
      const key = { algorithm, jwk: members, thumbprint: serializeBase64url(digest), handle }
      importedKeys.set(id, key, Number.POSITIVE_INFINITY)
      return key
    }),
  )
}

function importHandle(members: PublicJwk, algorithm: Algorithm): MaybePromise<platform.KeyHandle> {
  const refuse = (cause: unknown): never => {
    throw new AAuthError('key_invalid', 'The numbers of the key are no key of its type.', { cause })
  }
  try {
    const handle = platform.importPublicKey(members, algorithm)
    return handle instanceof Promise ? handle.catch(refuse) : handle
  } catch (cause) {
    return refuse(cause)
  }
}

/** What a key says it is for (RFC 7517 §4.2, 4.3); one that says nothing is for anything. */
function isForVerifying(jwk: object): boolean {
  const { use, key_ops: operations } = jwk as { use?: unknown; key_ops?: unknown }
  if (use !== undefined && use !== 'sig') return false
  return operations === undefined || (Array.isArray(operations) && operations.includes('verify'))
}

/** Whether the signature is this key's over the data; a string is its Latin-1 bytes. */
export function verifyBytes(
  key: VerificationKey,
  signature: Uint8Array,
  data: string | Uint8Array,
): MaybePromise<boolean> {
  const expected = algorithmTable[key.algorithm].signatureLength
  if (expected !== 0 && signature.length !== expected) return false
  return platform.verify(key.algorithm, key.handle, signature, data)
}

function requireAlgorithm(jwk: PublicJwk): Algorithm {
  const algorithm = algorithmOf(jwk)
  if (!algorithm)
    throw new AAuthError(
      'key_invalid',
      `The key is of a type that is not used here: make one for ${algorithmNames.join(', ')}.`,
    )
  return algorithm
}

// The text that RFC 7638 §3 hashes: the table has the members in lexicographic order.
function canonicalMembers(members: PublicJwk): string {
  return JSON.stringify(members)
}

function keyMembers(jwk: PublicJwk, algorithm: Algorithm): PublicJwk {
  const members: Record<string, string> = {}
  for (const member of algorithmTable[algorithm].members) {
    const value = (jwk as Record<string, unknown>)[member]
    if (typeof value !== 'string') throw new AAuthError('key_invalid', `The key has no ${member}.`)
    members[member] = value
  }
  return members as PublicJwk
}
