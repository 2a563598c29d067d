/**
 * The y coordinates of the points whose order divides 8, with the sign bit cleared, little-endian hex: one signature
 * could fit many messages under them.
 */
const smallOrderPoints = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
])

const smallOrderStarts = new Set([...smallOrderPoints].map((hex) => Number.parseInt(hex.slice(0, 2), 16)))

/** The prime of the field and the constant d of the curve (RFC 8032 §5.1). */
const prime = 2n ** 255n - 19n
const d = 37_095_705_934_669_439_343_138_083_508_754_565_189_542_113_879_843_219_016_388_785_533_085_940_283_555n

/** Why 32 bytes are no Ed25519 public key to verify with, or undefined. */
export function edwardsPointProblem(bytes: Uint8Array): string | undefined {
  if (!isCanonical(bytes)) return 'x is not the one encoding of a point'
  if (isSmallOrder(bytes)) return 'x is a point of small order'
  return isOnCurve(bytes) ? undefined : 'x is not a point of the curve'
}

// RFC 8032 §5.1.3: y below the prime 2^255 − 19. Other encodings would give one key several thumbprints.
function isCanonical(bytes: Uint8Array): boolean {
  const [lowest = 0] = bytes
  const isPrimeOrMore = lowest >= 0xed && ((bytes[31] ?? 0) & 0x7f) === 0x7f
  return !isPrimeOrMore || bytes.subarray(1, 31).some((byte) => byte !== 0xff)
}

function isSmallOrder(bytes: Uint8Array): boolean {
  return smallOrderStarts.has(bytes[0] as number) && smallOrderPoints.has(toHex(withoutSign(bytes)))
}

/** Whether x² = (y² − 1) / (dy² + 1) has a solution: no platform looks before it verifies. */
function isOnCurve(bytes: Uint8Array): boolean {
  const y = BigInt(`0x${toHex(withoutSign(bytes).reverse())}`)
  const square = (y * y) % prime
  return jacobi((square - 1n) * (d * square + 1n), prime) !== -1
}

/** The Jacobi symbol: minus one for what is no square modulo the prime. */
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
