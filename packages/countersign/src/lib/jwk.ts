import * as platform from '#crypto'
import {
  type Algorithm,
  algorithmNames,
  algorithmOf,
  algorithmTable,
  type JoseRules,
  type PrivateJwk,
  type PublicJwk,
  registeredNames,
} from './algorithms.js'
import { systemClock } from './clock.js'
import { AAuthError } from './errors.js'
import { LruCache } from './lru-cache.js'
import type { MaybePromise } from './maybe-promise.js'

/** A public key, ready for verification. */
export interface VerificationKey {
  readonly algorithm: Algorithm
  /** Only the members that define the key, plus `kid` if given. */
  readonly jwk: PublicJwk
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string
  readonly handle: platform.KeyHandle
}

/** The JWK thumbprint (RFC 7638 with SHA-256): base64url, 43 characters. Throws `key_invalid` for an unsupported key type. */
export async function jwkThumbprint(jwk: PublicJwk): Promise<string> {
  const members = keyMembers(jwk, requireAlgorithm(jwk))
  return platform.hashText(canonicalMembers(members))
}

/**
 * Validates and imports another party's public key. Throws `key_invalid` for private or symmetric members, an unknown type, wrong lengths,
 * points of small order, and an `alg` that belongs to another key type. Throws `algorithm_unsupported` for a key without a required `alg`.
 *
 * @param rules how the key names its algorithm
 */
export async function importVerificationKey(
  jwk: unknown,
  rules: JoseRules = registeredNames,
): Promise<VerificationKey> {
  const { members, algorithm, kid } = requirePublicKey(jwk, rules)
  return named(await importMembers(members, algorithm), kid)
}

/** An {@link importVerificationKey} for callers that see the same keys repeatedly. */
export type ImportKey = (jwk: unknown, rules?: JoseRules) => Promise<VerificationKey>

const rememberedKeys = 4096

/**
 * Creates an {@link importVerificationKey} that caches imported keys by their members. Entries never become stale, because the same members
 * always define the same key.
 */
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

/** Whether a key contains any of its private members, or is a shared secret. */
export function showsSecret(jwk: object): boolean {
  return Object.keys(jwk).some((member) => secretMembers.has(member))
}

/** Whether a text names an algorithm under the rules. */
export function isAlgorithmName({ names }: JoseRules, alg: unknown): alg is string {
  return Object.values(names)
    .flat()
    .includes(alg as string)
}

function requirePublicKey(
  jwk: unknown,
  rules: JoseRules,
): { members: PublicJwk; algorithm: Algorithm; kid: string | undefined } {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) {
    throw new AAuthError('key_invalid', 'The key is not a JSON object.')
  }
  if (showsSecret(jwk)) throw new AAuthError('key_invalid', 'The key contains private members.')
  const candidate = jwk as PublicJwk
  const { alg, kid } = candidate
  if (rules.algRequired && !isAlgorithmName(rules, alg))
    throw new AAuthError('algorithm_unsupported', 'The key has no accepted alg.')
  const algorithm = requireAlgorithm(candidate)
  const row = algorithmTable[algorithm]
  if (!isForVerifying(jwk))
    throw new AAuthError('key_invalid', 'The key’s use or key_ops do not allow it to verify signatures.')
  if (alg !== undefined && alg !== algorithm && !rules.names[algorithm].includes(alg)) {
    throw new AAuthError('key_invalid', `The key’s alg does not match its type (${row.kty}).`)
  }
  return { members: keyMembers(candidate, algorithm), algorithm, kid: typeof kid === 'string' ? kid : undefined }
}

async function importMembers(members: PublicJwk, algorithm: Algorithm): Promise<VerificationKey> {
  const refusal = algorithmTable[algorithm].refuse(members)
  if (refusal !== undefined) throw new AAuthError('key_invalid', `The key cannot be used: ${refusal}.`)
  const handle = await importHandle(members, algorithm)
  const thumbprint = await platform.hashText(canonicalMembers(members))
  return { algorithm, jwk: members, thumbprint, handle }
}

async function importHandle(members: PublicJwk, algorithm: Algorithm): Promise<platform.KeyHandle> {
  try {
    return await platform.importPublicKey(members, algorithm)
  } catch (cause) {
    throw new AAuthError('key_invalid', 'The key’s values are not a valid public key of its type.', { cause })
  }
}

function named(key: VerificationKey, kid: string | undefined): VerificationKey {
  return kid === undefined ? key : { ...key, jwk: { ...key.jwk, kid } }
}

/** The permitted use of a key (RFC 7517 §4.2, 4.3). A key without such members may be used for any purpose. */
function isForVerifying(jwk: object): boolean {
  const { use, key_ops: operations } = jwk as { use?: unknown; key_ops?: unknown }
  if (use !== undefined && use !== 'sig') return false
  return operations === undefined || (Array.isArray(operations) && operations.includes('verify'))
}

/** Whether the signature of the data is valid for this key. A string represents its Latin-1 bytes. */
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
    throw new AAuthError('key_invalid', `The key type is not supported: use ${algorithmNames.join(', ')}.`)
  return algorithm
}

// The text that RFC 7638 §3 hashes: the table lists the members in lexicographic order.
function canonicalMembers(members: PublicJwk): string {
  return JSON.stringify(members)
}

function keyMembers(jwk: PublicJwk, algorithm: Algorithm): PublicJwk {
  const members: Record<string, string> = {}
  for (const member of algorithmTable[algorithm].members) {
    const value = (jwk as Record<string, unknown>)[member]
    if (typeof value !== 'string') throw new AAuthError('key_invalid', `The key has no valid ${member}.`)
    members[member] = value
  }
  return members as PublicJwk
}

/**
 * Prefixes, by RFC, of the JWK thumbprints (RFC 7638) of example keys that are printed in standards, many with their private halves. Seven
 * characters are 42 bits: one in 50,000,000,000 new keys matches a prefix by chance.
 */
const beginningsByRfc = {
  6216: '2tw3uLA CPH018y D1Jh8A9 Dr45ov0 RfEEnxa dwUez2M eXhYto6 iCm8iee jEualSG v9MgVGS',
  6979: 'DOvxvJi',
  7515: 'IsUn6_e oKIywvG',
  7516: '_K0fXS8 xtIsOV1',
  7517: 'D8R4-Fe DdsFv-2 NzbLsXh cn-I_WN',
  7518: 'Vy57XrA _GK0r6G',
  7520: '8izOqBC 9jg46WB HsSFalw Rt-IyDE h_jutvC mTVa39K',
  7591: '_A_aHBu',
  7800: 'gNVUILm',
  8032: '2bVIQ9_ FVV5umT FtIu-Vb iiDHHfF kPrK_qm lZI1vM7 qz1FYao',
  8152: 'xNnfOFT',
  8225: 'I1-pNDv VauOzL2',
  8291: 'VqahBPD nHE5fEJ',
  8292: '1qxvx3y',
  8410: '3YZxBJ1',
  8479: 'lSnRjn-',
  8696: 'DelSDnc',
  8705: 'Fvi_j8I',
  8946: '2Adrg41',
  8995: '1AhutDA UY-uibn qSmD4aD',
  9092: 'kd6Deo3',
  9101: '06jkoTz',
  9126: 'jDH_cRg',
  9216: '1GFf6ft 682T_H8 7kAUHrv BXqw70f EHNVkIv l74yYbB naueaqs qc8j_PY',
  9246: 'P5UpOv0',
  9421: 'BHj8s0G oD0Hwoc poqkLGi ydQXMtv',
  9449: '0ZcOCOR',
  9500: 'Fa5JHFz LIstkoC u88se-x',
} as const satisfies Readonly<Record<number, string>>

const rfcByBeginning: ReadonlyMap<string, string> = new Map(
  Object.entries(beginningsByRfc).flatMap(([rfc, beginnings]) =>
    beginnings.split(' ').map((beginning): [string, string] => [beginning, rfc]),
  ),
)

/** Why a key printed in a standard must not be used: anyone can sign with it. Appended to the key's name. */
export function publishedKeyProblem(thumbprint: string): string | undefined {
  const rfc = rfcByBeginning.get(thumbprint.slice(0, 7))
  return rfc && `is an example in RFC ${rfc}, so anyone can sign with it: generate your own key`
}

/**
 * Signs with a private key. The signer need not hold the key itself: `sign` may call a key service. `jwk` is the public half, with `kid`,
 * as published; `thumbprint` is its RFC 7638 thumbprint.
 */
export interface Signer {
  readonly algorithm: Algorithm
  readonly kid: string
  readonly jwk: PublicJwk & { kid: string }
  readonly thumbprint: string
  /** Returns the signature of the data. A string represents its Latin-1 bytes. */
  sign(data: string | Uint8Array): MaybePromise<Uint8Array>
}

/**
 * Creates a signer from a private JWK. The `kid` is the one in the JWK, or else the thumbprint.
 *
 * @throws TypeError if the JWK has no `d`
 * @throws AAuthError `key_invalid`, also if `d` belongs to a different public key
 */
export async function createSigner(privateJwk: PrivateJwk): Promise<Signer> {
  if (typeof privateJwk?.d !== 'string') {
    const isSet = typeof privateJwk === 'object' && privateJwk !== null && 'keys' in privateJwk
    const hint = isSet ? ', not the published key set' : ''
    throw new TypeError(
      `createSigner requires a private JWK (with the member d), as written by countersign agent keys generate --output${hint}`,
    )
  }
  const { d: _d, ...rest } = privateJwk
  const { p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, key_ops: _keyOps, ...publicJwk } = rest as Record<string, unknown>
  const key = await importVerificationKey(publicJwk)
  const handle = await platform.importPrivateKey(privateJwk, key.algorithm)
  if (!(await verifyBytes(key, await platform.sign(key.algorithm, handle, 'pair'), 'pair'))) {
    throw new AAuthError('key_invalid', 'The private members do not match the public key.')
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

/** Throws a TypeError with instructions if an option that must be a signer is a JWK, a promise or missing. */
export function requireSigner(option: string, signer: Signer): void {
  if (typeof signer?.sign === 'function' && typeof signer.jwk === 'object') return
  const mistake = signer instanceof Promise ? 'is a promise' : 'is not a signer'
  throw new TypeError(`${option} ${mistake}: pass the result of "await createSigner(privateJwk)"`)
}

export interface GeneratePrivateJwkOptions {
  /** @default 'ed25519' */
  algorithm?: Algorithm
  /** Key id. @default the thumbprint */
  kid?: string | undefined
}

/** Generates a private key as a JWK. The caller stores it and passes it to {@link createSigner}. */
export async function generatePrivateJwk(
  options: GeneratePrivateJwkOptions = {},
): Promise<PrivateJwk & { kid: string }> {
  const { algorithm = 'ed25519' } = options
  if (!Object.hasOwn(algorithmTable, algorithm)) throw new TypeError(`unknown algorithm: ${algorithm}`)
  const jwk = await platform.generatePrivateKey(algorithm)
  const { thumbprint } = await createSigner(jwk)
  return { ...jwk, kid: options.kid ?? thumbprint }
}
