import { createPublicKey, verify as nodeVerify } from 'node:crypto'
import { createSigner, generatePrivateJwk } from 'countersign'
import { algorithmNames, importVerificationKey, jwkThumbprint, verifyBytes } from 'countersign/signatures'
import { calculateJwkThumbprint } from 'jose'
import { describe, expect, it } from 'vitest'
import { createKeyImporter } from '../../src/lib/jwk.js'
import { refusalCode } from '../refusal.js'

const prime = 2n ** 255n - 19n
const order = 2n ** 252n + 27742317777372353535851937790883648493n
const modulo = (value: bigint) => ((value % prime) + prime) % prime

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  let square = modulo(base)
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = modulo(result * square)
    square = modulo(square * square)
  }
  return result
}

const inverse = (value: bigint) => power(value, prime - 2n)
const curveD = modulo(-121665n * inverse(121666n))
const rootOfMinusOne = power(2n, (prime - 1n) / 4n)

type Point = readonly [bigint, bigint]

/** The point with this y coordinate, if one exists (RFC 8032 §5.1.3). */
function pointAt(y: bigint): Point | undefined {
  const square = modulo((y * y - 1n) * inverse(curveD * y * y + 1n))
  const root = power(square, (prime + 3n) / 8n)
  for (const x of [root, modulo(root * rootOfMinusOne)]) if (modulo(x * x) === square) return [x, y]
  return undefined
}

function add([x1, y1]: Point, [x2, y2]: Point): Point {
  const product = modulo(curveD * x1 * x2 * y1 * y2)
  return [modulo((x1 * y2 + x2 * y1) * inverse(1n + product)), modulo((y1 * y2 + x1 * x2) * inverse(1n - product))]
}

function multiply(scalar: bigint, point: Point): Point {
  let result: Point = [0n, 1n]
  let double = point
  for (let rest = scalar; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = add(result, double)
    double = add(double, double)
  }
  return result
}

/** Every 32-byte string that decodes, strictly or not, to a point whose order divides 8: computed, not copied. */
function smallOrderEncodings(): Map<string, string> {
  const torsion = new Set<bigint>()
  for (let y = 2n; torsion.size < 5; y++) {
    const point = pointAt(y)
    if (point) torsion.add(multiply(order, point)[1])
  }
  const encodings = new Map<string, string>()
  for (const y of torsion) {
    for (const written of [y, y + prime].filter((value) => value < 2n ** 255n)) {
      for (const sign of [0n, 1n]) {
        const hex = (written | (sign << 255n)).toString(16).padStart(64, '0')
        encodings.set(hex, Buffer.from(hex, 'hex').reverse().toString('base64url'))
      }
    }
  }
  return encodings
}

const ed25519 = await generatePrivateJwk()
const { d: _d, ...publicJwk } = ed25519
const p256 = (await createSigner(await generatePrivateJwk({ algorithm: 'ecdsa-p256-sha256' }))).jwk
const rsa = (await createSigner(await generatePrivateJwk({ algorithm: 'rsa-pss-sha512' }))).jwk

describe('S33: importVerificationKey', () => {
  it('accepts a key of each algorithm', async () => {
    for (const jwk of [publicJwk, p256, rsa]) {
      const key = await importVerificationKey(jwk)
      expect(key.thumbprint).toBe(await jwkThumbprint(jwk))
      expect(key.thumbprint).toBe(await calculateJwkThumbprint(jwk))
      expect(key.jwk).toEqual(jwk)
    }
  })

  const encodings = smallOrderEncodings()
  it('small-order points have 14 encodings', () => {
    expect(encodings.size).toBe(14)
  })

  it.each([...encodings])('rejects the small-order point %s', async (_hex, x) => {
    expect(await refusalCode(() => importVerificationKey({ kty: 'OKP', crv: 'Ed25519', x }))).toBe('key_invalid')
  })

  // Since Node 24, the platform rejects such a signature itself.
  it.runIf(Number(process.versions.node.split('.')[0]) < 24)(
    'control: under such a key, Node accepts one signature for any message',
    () => {
      const x = Buffer.from([1, ...new Uint8Array(31)])
      const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: x.toString('base64url') }, format: 'jwk' })
      const signature = Buffer.concat([x, Buffer.alloc(32)])
      expect(nodeVerify(null, Buffer.from('anything'), key, signature)).toBe(true)
      expect(nodeVerify(null, Buffer.from('at all'), key, signature)).toBe(true)
    },
  )

  it('rejects a point with a coordinate not below the prime', async () => {
    for (let more = 0n; more < 19n; more++) {
      const hex = (prime + more).toString(16).padStart(64, '0')
      const x = Buffer.from(hex, 'hex').reverse().toString('base64url')
      expect(await refusalCode(() => importVerificationKey({ kty: 'OKP', crv: 'Ed25519', x }))).toBe('key_invalid')
    }
  })

  it('accepts an x exactly if a point has this y coordinate', async () => {
    const small = Array.from({ length: 40 }, (_, at) => BigInt(at + 2))
    const large = Array.from({ length: 40 }, (_, at) => prime - BigInt(at + 2))
    for (const y of [...small, ...large]) {
      const x = Buffer.from(y.toString(16).padStart(64, '0'), 'hex').reverse().toString('base64url')
      const code = await importVerificationKey({ kty: 'OKP', crv: 'Ed25519', x }).then(
        () => undefined,
        (error: { code: string }) => error.code,
      )
      expect([y, code]).toEqual([y, pointAt(y) ? undefined : 'key_invalid'])
    }
  })

  const bytes = (length: number, fill: number) => Buffer.alloc(length, fill).toString('base64url')
  it.each<[string, unknown]>([
    ['kty=oct', { kty: 'oct', k: bytes(32, 7) }],
    ['a private d', ed25519],
    ['an empty d', { ...publicJwk, d: '' }],
    ...['p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'].map((member): [string, unknown] => [
      `a private ${member} alone`,
      { ...rsa, [member]: 'AQAB' },
    ]),
    ['x of 31 bytes', { ...publicJwk, x: bytes(31, 7) }],
    ['x of 33 bytes', { ...publicJwk, x: bytes(33, 7) }],
    ['x with padding', { ...publicJwk, x: `${publicJwk.x}=` }],
    ['x in base64', { ...publicJwk, x: bytes(32, 0xff).replaceAll('_', '/') }],
    ['x with unused bits', { ...publicJwk, x: `${publicJwk.x?.slice(0, -1)}B` }],
    ['no x', { kty: 'OKP', crv: 'Ed25519' }],
    ['x that is not a string', { ...publicJwk, x: [publicJwk.x] }],
    ['curve X25519', { ...publicJwk, crv: 'X25519' }],
    ['curve Ed448', { ...publicJwk, crv: 'Ed448' }],
    ['no curve', { kty: 'OKP', x: publicJwk.x }],
    ['kty in lowercase', { ...publicJwk, kty: 'okp' }],
    ['use=enc', { ...publicJwk, use: 'enc' }],
    ['alg of another type', { ...publicJwk, alg: 'ES256' }],
    ['alg=none', { ...publicJwk, alg: 'none' }],
    ['P-384', { ...p256, crv: 'P-384' }],
    ['secp256k1', { ...p256, crv: 'secp256k1' }],
    ['a point that is not on the curve', { ...p256, y: p256.x }],
    ['the point at zero', { ...p256, x: bytes(32, 0), y: bytes(32, 0) }],
    ['coordinates not below the prime', { ...p256, x: bytes(32, 0xff) }],
    ['a 31-byte y', { ...p256, y: bytes(31, 7) }],
    ['no y', { kty: 'EC', crv: 'P-256', x: p256.x }],
    ['a 1024-bit RSA modulus', { ...rsa, n: bytes(128, 0xff) }],
    ['a 2047-bit RSA modulus', { ...rsa, n: bytes(256, 0x7f) }],
    ['a 4097-bit RSA modulus', { ...rsa, n: bytes(513, 1) }],
    ['an 8192-bit RSA modulus', { ...rsa, n: bytes(1024, 0xff) }],
    ['an even RSA modulus', { ...rsa, n: bytes(256, 0xfe) }],
    [
      'an RSA modulus with a leading zero',
      { ...rsa, n: Buffer.concat([Buffer.alloc(1), Buffer.from(rsa.n ?? '', 'base64url')]).toString('base64url') },
    ],
    ['e of 1', { ...rsa, e: 'AQ' }],
    ['an even e', { ...rsa, e: 'AQAA' }],
    ['an empty e', { ...rsa, e: '' }],
    ['e with a leading zero', { ...rsa, e: 'AAEAAQ' }],
    ['a 33-bit e', { ...rsa, e: bytes(5, 1) }],
    ['a 64-bit e', { ...rsa, e: bytes(8, 0xff) }],
    ['RS256', { ...rsa, alg: 'RS256' }],
    ['key_ops without verify', { ...publicJwk, key_ops: ['sign'] }],
    ['key_ops that is not a list', { ...publicJwk, key_ops: 'verify' }],
    ['null', null],
    ['an array', [publicJwk]],
    ['a string', JSON.stringify(publicJwk)],
    ['an empty object', {}],
    ['a certificate instead of a key', { kty: 'RSA', x5c: ['AAAA'] }],
  ])('rejects %s', async (_name, jwk) => {
    expect(await refusalCode(() => importVerificationKey(jwk))).toBe('key_invalid')
  })

  it.each([
    ['a 2048-bit modulus', { n: bytes(256, 0x81) }],
    ['the smallest 2048-bit modulus', { n: Buffer.from([0x80, ...Buffer.alloc(254), 1]).toString('base64url') }],
    ['a 4096-bit modulus', { n: bytes(512, 0xff) }],
    ['an exponent of 3', { e: 'Aw' }],
    ['a 32-bit exponent', { e: bytes(4, 0xff) }],
  ])('accepts an RSA key with %s', async (_name, members) => {
    expect(await importVerificationKey({ ...rsa, ...members })).toMatchObject({ algorithm: 'rsa-pss-sha512' })
  })

  it('keeps only the members that define the key, and its kid', async () => {
    const { jwk } = await importVerificationKey({
      ...publicJwk,
      use: 'sig',
      alg: 'EdDSA',
      x5c: ['AAAA'],
      key_ops: ['verify'],
    })
    expect(jwk).toEqual(publicJwk)
  })

  it.each([
    ['ed25519', 'EdDSA', publicJwk],
    ['ed25519', 'Ed25519', publicJwk],
    ['ecdsa-p256-sha256', 'ES256', p256],
    ['rsa-pss-sha512', 'PS512', rsa],
  ])('%s accepts the alg %s', async (algorithm, alg, jwk) => {
    expect((await importVerificationKey({ ...jwk, alg })).algorithm).toBe(algorithm)
  })
})

describe('createSigner', () => {
  it.each(algorithmNames)('%s: signs, and its public key contains no secret', async (algorithm) => {
    const signer = await createSigner(await generatePrivateJwk({ algorithm, kid: 'k' }))
    expect(signer).toMatchObject({ algorithm, kid: 'k' })
    for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi']) expect(signer.jwk).not.toHaveProperty(secret)
    const key = await importVerificationKey(signer.jwk)
    expect(await verifyBytes(key, await signer.sign('text'), 'text')).toBe(true)
    expect(await verifyBytes(key, await signer.sign('text'), 'texT')).toBe(false)
  })

  it('the kid defaults to the thumbprint', async () => {
    const { kid: _kid, ...nameless } = ed25519
    const signer = await createSigner(nameless)
    expect(signer.kid).toBe(signer.thumbprint)
  })

  it('accepts a private key marked for signing', async () => {
    const signer = await createSigner({ ...ed25519, key_ops: ['sign'] } as typeof ed25519)
    expect(signer.jwk).not.toHaveProperty('key_ops')
  })

  it('throws TypeError without d', async () => {
    await expect(createSigner({ ...publicJwk, d: undefined } as never)).rejects.toThrow(TypeError)
  })

  it('rejects a private part of another key', async () => {
    const other = await generatePrivateJwk()
    expect(await refusalCode(() => createSigner({ ...ed25519, d: other.d }))).toBe('key_invalid')
  })
})

it('S33: createKeyImporter imports a key once, however often and in whatever order its members arrive', async () => {
  const { jwk } = await createSigner(await generatePrivateJwk())
  const importKey = createKeyImporter()
  const first = await importKey(jwk)
  const again = await importKey(Object.fromEntries(Object.entries(jwk).reverse()))
  expect(again.handle).toBe(first.handle)
})
