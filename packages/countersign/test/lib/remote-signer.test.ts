import { sign as nodeSign } from 'node:crypto'
import { createRemoteSigner, createSigner, generatePrivateJwk, type PrivateJwk } from 'countersign'
import { importVerificationKey, verifyBytes } from 'countersign/signatures'
import { describe, expect, it } from 'vitest'

const publicHalf = ({ d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...jwk }: PrivateJwk & Record<string, unknown>) =>
  jwk
const derOf = (jwk: PrivateJwk) => (bytes: Uint8Array) =>
  Promise.resolve<Uint8Array>(nodeSign('sha256', bytes, { key: { ...jwk }, format: 'jwk', dsaEncoding: 'der' }))

const ed25519 = await generatePrivateJwk({ kid: 'one' })
const p256 = await generatePrivateJwk({ algorithm: 'ecdsa-p256-sha256' })

async function verifies(jwk: PrivateJwk, signature: Uint8Array, data: string): Promise<boolean> {
  return verifyBytes(await importVerificationKey(publicHalf(jwk)), signature, data)
}

describe('createRemoteSigner', () => {
  it.each(['ed25519', 'ecdsa-p256-sha256', 'rsa-pss-sha512'] as const)(
    'signs with %s in a remote service',
    async (algorithm) => {
      const jwk = await generatePrivateJwk({ algorithm })
      const local = await createSigner(jwk)
      const remote = await createRemoteSigner({ jwk: publicHalf(jwk), sign: async (bytes) => local.sign(bytes) })
      expect({ ...remote, sign: 0 }).toEqual({ ...local, sign: 0 })
      // A string stands for its Latin-1 bytes.
      expect(await verifies(jwk, await remote.sign('caf\u00e9'), 'caf\u00e9')).toBe(true)
    },
  )

  it('reads ECDSA signatures in DER, even if their numbers are shorter or have a leading zero', async () => {
    const remote = await createRemoteSigner({ jwk: publicHalf(p256), sign: derOf(p256), dsaEncoding: 'der' })
    // Until both kinds have occurred: both numbers short, and both with a leading zero.
    const wanted = new Set([69, 70, 71, 72])
    for (let i = 0; wanted.size > 0 && i < 50_000; i++) {
      const message = new Uint8Array([i & 255, i >> 8])
      const der = await derOf(p256)(message)
      if (!wanted.delete(der.length)) continue
      const signer = await createRemoteSigner({ jwk: publicHalf(p256), sign: async () => der, dsaEncoding: 'der' })
      expect((await signer.sign(message)).length).toBe(64)
    }
    expect([...wanted]).toEqual([])
    expect(await verifies(p256, await remote.sign('text'), 'text')).toBe(true)
  })

  it('rejects a signature by another key, and names the key', async () => {
    const other = await createSigner(await generatePrivateJwk())
    const remote = await createRemoteSigner({ jwk: publicHalf(ed25519), sign: async (bytes) => other.sign(bytes) })
    await expect(async () => remote.sign('text')).rejects.toMatchObject({
      code: 'signer_refused',
      status: 500,
      description: 'Something went wrong.',
      message: 'The service did not sign with the key one, or its signature is not ed25519.',
    })
  })

  it.each<[string, (der: Uint8Array) => Uint8Array]>([
    ['nothing', () => new Uint8Array()],
    ['no sequence', (der) => new Uint8Array([0x31, ...der.subarray(1)])],
    ['a trailing byte', (der) => new Uint8Array([...der, 0])],
    ['a content shorter than its length', (der) => der.subarray(0, -1)],
    ['no integers', (der) => new Uint8Array([0x30, der.length - 2, 0x03, ...der.subarray(3)])],
    [
      'a number that is too long',
      () => new Uint8Array([0x30, 38, 0x02, 33, ...new Uint8Array(33).fill(1), 0x02, 1, 1]),
    ],
    ['a number after the second', (der) => new Uint8Array([0x30, der.length + 1, ...der.subarray(2), 0x02, 1, 1])],
  ])('rejects DER with %s', async (_what, change) => {
    const sign = async (bytes: Uint8Array) => change(await derOf(p256)(bytes))
    const remote = await createRemoteSigner({ jwk: publicHalf(p256), sign, dsaEncoding: 'der' })
    await expect(async () => remote.sign('text')).rejects.toMatchObject({ code: 'signer_refused' })
  })

  it('rejects invalid options and unusable public keys', async () => {
    const sign = async () => new Uint8Array(64)
    const jwk = publicHalf(ed25519)
    await expect(createRemoteSigner({ jwk, sign, dsaEncodings: 'der' } as never)).rejects.toThrow(
      'did you mean dsaEncoding?',
    )
    await expect(createRemoteSigner({ jwk, sign, dsaEncoding: 'raw' } as never)).rejects.toThrow(TypeError)
    await expect(createRemoteSigner({ jwk } as never)).rejects.toThrow('requires sign')
    await expect(createRemoteSigner({ jwk: ed25519, sign })).rejects.toMatchObject({ code: 'key_invalid' })
  })
})
