import { parseBase64url } from './encodings.js'

/** A public key as a JWK (RFC 7517), with only the members that identify the key. */
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

/** A private key as a JWK, with the public and the secret members. */
export type PrivateJwk = PublicJwk & { d: string }

/** The RFC 9421 names of the algorithms that this library supports. */
export type Algorithm = 'ed25519' | 'ecdsa-p256-sha256' | 'rsa-pss-sha512'

interface AlgorithmRow {
  kty: string
  crv?: string
  /** Members that define the key (including `kty`), in the lexicographic order in which RFC 7638 hashes them. */
  members: readonly string[]
  /** Length of a signature, in bytes; 0 means the length of the modulus. */
  signatureLength: number
  /** Why the key must not be used, or undefined. */
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
      return point?.length === 32 ? edwardsPointProblem(point) : 'x is not 32 bytes encoded as base64url'
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
        : 'x or y is not 32 bytes encoded as base64url',
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
      if ((modulus.at(-1) ?? 0) % 2 === 0) return 'n is even, so it is not a product of two large primes'
      if (!exponent || exponent.length > 4 || !exponent[0]) return 'e is not an exponent of at most 32 bits'
      return (exponent.at(-1) ?? 0) % 2 === 1 && !(exponent.length === 1 && exponent[0] === 1)
        ? undefined
        : 'e is even, or 1'
    },
  },
}

/** How algorithms are named in JWKs and in token headers. */
export interface JoseRules {
  /** The names of each algorithm. The first name is emitted. An algorithm without a name is not accepted. */
  readonly names: Readonly<Record<Algorithm, readonly string[]>>
  /** Whether a key must name its algorithm, by one of these names. */
  readonly algRequired: boolean
}

/** All registered names (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2). Keys need not name an algorithm. */
export const registeredNames: JoseRules = {
  names: { ed25519: ['EdDSA', 'Ed25519'], 'ecdsa-p256-sha256': ['ES256'], 'rsa-pss-sha512': ['PS512'] },
  algRequired: false,
}

/** A public key in its published form: with its `alg`, if keys must name their algorithm. */
export function publishedJwk<J extends Partial<PublicJwk>>(jwk: J, { names, algRequired }: JoseRules): J {
  const algorithm = algRequired ? algorithmOf(jwk) : undefined
  return algorithm === undefined ? jwk : { ...jwk, alg: names[algorithm][0] as string }
}

/** Algorithms in order of preference. */
export const algorithmNames = Object.keys(algorithmTable) as readonly Algorithm[]

/** The only algorithm with which a key can be used. It is determined by the key alone, never by an unverified header. */
export function algorithmOf(jwk: Partial<PublicJwk>): Algorithm | undefined {
  return algorithmNames.find((name) => {
    const row = algorithmTable[name]
    return row.kty === jwk.kty && (row.crv === undefined || row.crv === jwk.crv)
  })
}

/**
 * The y coordinates of the points whose order divides 8, with the sign bit cleared, in little-endian hex. If such a point were used as a
 * key, one signature could be valid for many messages.
 */
const smallOrderPoints = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
])

/** The prime of the field and the constant d of the curve (RFC 8032 §5.1). */
const prime = 2n ** 255n - 19n
const d = 37_095_705_934_669_439_343_138_083_508_754_565_189_542_113_879_843_219_016_388_785_533_085_940_283_555n

/** Why 32 bytes are not an acceptable Ed25519 public key, or undefined. */
function edwardsPointProblem(bytes: Uint8Array): string | undefined {
  if (!isCanonical(bytes)) return 'x is not the canonical encoding of a point'
  if (isSmallOrder(bytes)) return 'x is a point of small order'
  return isOnCurve(bytes) ? undefined : 'x is not a point on the curve'
}

// RFC 8032 §5.1.3: y must be below the prime 2^255 − 19. Other encodings would give one key several thumbprints.
function isCanonical(bytes: Uint8Array): boolean {
  const isPrimeOrMore = (bytes[0] as number) >= 0xed && ((bytes[31] as number) & 0x7f) === 0x7f
  return !isPrimeOrMore || bytes.subarray(1, 31).some((byte) => byte !== 0xff)
}

function isSmallOrder(bytes: Uint8Array): boolean {
  return smallOrderPoints.has(toHex(withoutSign(bytes)))
}

/** Whether x² = (y² − 1) / (dy² + 1) has a solution. No platform checks this before verifying a signature. */
function isOnCurve(bytes: Uint8Array): boolean {
  const y = BigInt(`0x${toHex(withoutSign(bytes).reverse())}`)
  const square = (y * y) % prime
  return jacobi((square - 1n) * (d * square + 1n), prime) !== -1
}

/** The Jacobi symbol: -1 for a number that is not a square modulo the prime. */
function jacobi(numerator: bigint, modulus: bigint): number {
  let [a, n, symbol] = [numerator % modulus, modulus, 1]
  while (a !== 0n) {
    for (; (a & 1n) === 0n; a >>= 1n) if ((n & 7n) === 3n || (n & 7n) === 5n) symbol = -symbol
    if ((a & 3n) === 3n && (n & 3n) === 3n) symbol = -symbol
    ;[a, n] = [n % a, a]
  }
  return n === 1n ? symbol : 0
}

function withoutSign(bytes: Uint8Array): Uint8Array {
  const coordinate = Uint8Array.from(bytes)
  coordinate[31] = (coordinate[31] as number) & 0x7f
  return coordinate
}

function toHex(bytes: Uint8Array): string {
  let hex = ''
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return hex
}
