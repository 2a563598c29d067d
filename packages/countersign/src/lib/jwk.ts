import * as platform from '#crypto'
import {
  type Algorithm,
  algorithmNames,
  algorithmOf,
  algorithmTable,
  type JoseRules,
  type PublicJwk,
  registeredNames,
} from './algorithms.js'
import { utf8 } from './base64url.js'
import { systemClock } from './clock.js'
import { AAuthError } from './errors.js'
import { LruCache } from './lru-cache.js'

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
  return platform.serializeBase64url(await platform.sha256(utf8(canonicalMembers(members))))
}

/**
 * Checks and imports a public key that came from elsewhere. Throws `key_invalid` for private or symmetric members, an
 * unknown type, wrong lengths and points of small order; and an `alg` that names another type.
 *
 * @param rules how the key says which algorithm it is for
 */
export async function importVerificationKey(
  jwk: unknown,
  rules: JoseRules = registeredNames,
): Promise<VerificationKey> {
  const { members, algorithm, kid } = requirePublicKey(jwk, rules)
  return named(await importMembers(members, algorithm), kid)
}

/** {@link importVerificationKey}, for an object that sees the same keys again and again. */
export type ImportKey = (jwk: unknown, rules?: JoseRules) => Promise<VerificationKey>

const rememberedKeys = 4096

/** Creates an {@link importVerificationKey} that remembers keys by what they are made of: the same members are the same key for ever. */
export function createKeyImporter(): ImportKey {
  const imported = new LruCache<VerificationKey>(rememberedKeys)
  return async function importRemembered(jwk, rules = registeredNames) {
    const { members, algorithm, kid } = requirePublicKey(jwk, rules)
    const id = canonicalMembers(members)
    let key = imported.get(id, systemClock())
    if (!key) {
      key = await importMembers(members, algorithm)
      imported.set(id, key, Number.POSITIVE_INFINITY)
    }
    return named(key, kid)
  }
}

const secretMembers: ReadonlySet<string> = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'])

/** Whether a key shows something of its private part, or is a shared secret. */
export function showsSecret(jwk: object): boolean {
  return Object.keys(jwk).some((member) => secretMembers.has(member))
}

function requirePublicKey(
  jwk: unknown,
  { names, algRequired }: JoseRules,
): { members: PublicJwk; algorithm: Algorithm; kid: string | undefined } {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) {
    throw new AAuthError('key_invalid', 'The key is not a JSON object.')
  }
  if (showsSecret(jwk)) throw new AAuthError('key_invalid', 'The key has private members.')
  const candidate = jwk as PublicJwk
  const algorithm = requireAlgorithm(candidate)
  const row = algorithmTable[algorithm]
  if (!isForVerifying(jwk)) throw new AAuthError('key_invalid', 'The key is not meant to verify signatures.')
  const { alg } = candidate
  if (alg === undefined && algRequired) throw new AAuthError('key_invalid', 'The key has no alg.')
  if (alg !== undefined && alg !== algorithm && !names[algorithm].includes(alg)) {
    throw new AAuthError('key_invalid', `The key's alg does not belong to its type (${row.kty}).`)
  }
  const { kid } = candidate
  return { members: keyMembers(candidate, algorithm), algorithm, kid: typeof kid === 'string' ? kid : undefined }
}

async function importMembers(members: PublicJwk, algorithm: Algorithm): Promise<VerificationKey> {
  const refusal = algorithmTable[algorithm].refuse(members)
  if (refusal !== undefined) throw new AAuthError('key_invalid', `The key cannot be used: ${refusal}.`)
  const handle = await importHandle(members, algorithm)
  const thumbprint = platform.serializeBase64url(await platform.sha256(utf8(canonicalMembers(members))))
  return { algorithm, jwk: members, thumbprint, handle }
}

async function importHandle(members: PublicJwk, algorithm: Algorithm): Promise<platform.KeyHandle> {
  try {
    return await platform.importPublicKey(members, algorithm)
  } catch (cause) {
    throw new AAuthError('key_invalid', 'The numbers of the key are no key of its type.', { cause })
  }
}

function named(key: VerificationKey, kid: string | undefined): VerificationKey {
  return kid === undefined ? key : { ...key, jwk: { ...key.jwk, kid } }
}

/** What a key says it is for (RFC 7517 §4.2, 4.3); one that says nothing is for anything. */
function isForVerifying(jwk: object): boolean {
  const { use, key_ops: operations } = jwk as { use?: unknown; key_ops?: unknown }
  if (use !== undefined && use !== 'sig') return false
  return operations === undefined || (Array.isArray(operations) && operations.includes('verify'))
}

/** Whether the signature is this key's over the data; a string is its Latin-1 bytes. */
export async function verifyBytes(
  key: VerificationKey,
  signature: Uint8Array,
  data: string | Uint8Array,
): Promise<boolean> {
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
