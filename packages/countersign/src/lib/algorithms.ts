import { parseBase64url } from './base64url.js'
import { edwardsPointProblem } from './edwards-point.js'

/** A public key as a JWK (RFC 7517), with only members that say which key it is. */
export type PublicJwk = {
  kty: string
  crv?: string
  x?: string
  y?: string
  n?: string
  e?: string
  kid?: string
  alg?: string
  use?: string
}

/** A private key as a JWK: the public members and the secret ones. */
export type PrivateJwk = PublicJwk & { d: string }

/** The RFC 9421 names of the algorithms this library signs and verifies with. */
export type Algorithm = 'ed25519' | 'ecdsa-p256-sha256' | 'rsa-pss-sha512'

interface AlgorithmRow {
  kty: string
  crv?: string
  /** Members that make up the key, in the lexicographic order that RFC 7638 hashes (with `kty`). */
  members: readonly string[]
  /** Length of a signature in bytes; 0: that of the modulus. */
  signatureLength: number
  /** Why the key may not be used, or undefined. */
  refuse: (jwk: PublicJwk) => string | undefined
}

/** Everything that differs between algorithms (RFC 9421 §3.3, RFC 7518 §6, RFC 8037). */
export const algorithmTable: Record<Algorithm, AlgorithmRow> = {
  ed25519: {
    kty: 'OKP',
    crv: 'Ed25519',
    members: ['crv', 'kty', 'x'],
    signatureLength: 64,
    refuse: ({ x }) => {
      const point = parseBase64url(x ?? '')
      return point?.length === 32 ? edwardsPointProblem(point) : 'x is not 32 bytes of base64url'
    },
  },
  'ecdsa-p256-sha256': {
    kty: 'EC',
    crv: 'P-256',
    members: ['crv', 'kty', 'x', 'y'],
    signatureLength: 64,
    refuse: ({ x, y }) =>
      parseBase64url(x ?? '')?.length === 32 && parseBase64url(y ?? '')?.length === 32
        ? undefined
        : 'x and y are not 32 bytes of base64url each',
  },
  'rsa-pss-sha512': {
    kty: 'RSA',
    members: ['e', 'kty', 'n'],
    signatureLength: 0,
    refuse: ({ n, e }) => {
      const modulus = parseBase64url(n ?? '')
      const exponent = parseBase64url(e ?? '')
      const [first = 0] = modulus ?? []
      if (!modulus || modulus.length < 256 || modulus.length > 512 || first < (modulus.length === 256 ? 0x80 : 1)) {
        return 'n is not a modulus of 2048 to 4096 bits'
      }
      if ((modulus.at(-1) ?? 0) % 2 === 0) return 'n is even, and so no product of two large primes'
      if (!exponent || exponent.length > 4 || !exponent[0]) return 'e is not an exponent of at most 32 bits'
      return (exponent.at(-1) ?? 0) % 2 === 1 && !(exponent.length === 1 && exponent[0] === 1)
        ? undefined
        : 'e is not odd, or 1'
    },
  },
}

/** How algorithms are named in JWKs and in headers of tokens. */
export interface JoseRules {
  /** The names of each algorithm, of which the first is emitted. */
  readonly names: Readonly<Record<Algorithm, readonly [string, ...string[]]>>
  /** Whether a key must say which algorithm it is for. */
  readonly algRequired: boolean
}

/** All the names that are registered (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2), and keys need not have one. */
export const registeredNames: JoseRules = {
  names: { ed25519: ['EdDSA', 'Ed25519'], 'ecdsa-p256-sha256': ['ES256'], 'rsa-pss-sha512': ['PS512'] },
  algRequired: false,
}

/** A public key as it is published: with its `alg`, where keys must say which algorithm they are for. */
export function publishedJwk<J extends Partial<PublicJwk>>(jwk: J, { names, algRequired }: JoseRules): J {
  const algorithm = algRequired ? algorithmOf(jwk) : undefined
  return algorithm === undefined ? jwk : { ...jwk, alg: names[algorithm][0] }
}

/** Algorithms in the order they are offered. */
export const algorithmNames = Object.keys(algorithmTable) as readonly Algorithm[]

/** The one algorithm a key is for, decided by the key alone, never by what an unverified header claims. */
export function algorithmOf(jwk: Partial<PublicJwk>): Algorithm | undefined {
  return algorithmNames.find((name) => {
    const row = algorithmTable[name]
    return row.kty === jwk.kty && (row.crv === undefined || row.crv === jwk.crv)
  })
}
