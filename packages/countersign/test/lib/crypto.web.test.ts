import { createHash } from 'node:crypto'
import { type Algorithm, createSigner, generatePrivateJwk } from 'countersign'
import { algorithmNames, parseBase64 } from 'countersign/signatures'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as node from '../../src/lib/crypto.node.js'
import * as web from '../../src/lib/crypto.web.js'
import vectors from '../../vectors/rfc9421-appendix-b.json' with { type: 'json' }

const algorithmsOfKeys: Readonly<Record<string, Algorithm>> = {
  'test-key-rsa-pss': 'rsa-pss-sha512',
  'test-key-ecc-p256': 'ecdsa-p256-sha256',
  'test-key-ed25519': 'ed25519',
}

describe('WebCrypto instead of node:crypto', () => {
  it('produces the same base64', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(web.serializeBase64(bytes)).toBe(node.serializeBase64(bytes))
        expect(web.serializeBase64url(bytes)).toBe(node.serializeBase64url(bytes))
      }),
    )
  })

  it.each(algorithmNames)('%s: each verifies signatures made by the other', async (algorithm) => {
    const privateJwk = await generatePrivateJwk({ algorithm })
    const ofWeb = await web.generatePrivateKey(algorithm)
    const { kid: _kid, ...ofNode } = privateJwk
    expect(Object.keys(ofWeb).toSorted()).toEqual(Object.keys(ofNode).toSorted())
    expect((await createSigner(ofWeb)).algorithm).toBe(algorithm)
    const { jwk } = await createSigner(privateJwk)
    for (const data of ['text \u00e9', new Uint8Array([0, 255])]) {
      for (const [signing, verifying] of [
        [web, node],
        [node, web],
        [web, web],
      ] as const) {
        const key = await signing.importPrivateKey(privateJwk, algorithm)
        const signature = await signing.sign(algorithm, key as never, data)
        const publicKey = await verifying.importPublicKey({ ...jwk, alg: 'EdDSA', use: 'sig' }, algorithm)
        expect(await verifying.verify(algorithm, publicKey as never, signature, data)).toBe(true)
        expect(await verifying.verify(algorithm, publicKey as never, signature, 'other')).toBe(false)
      }
    }
  })

  it.each(vectors.cases.filter(({ base }) => typeof base === 'string'))('RFC 9421 $name', async (vector) => {
    const algorithm = algorithmsOfKeys[vector.key] as Algorithm
    const key = await web.importPublicKey(vectors.keys[vector.key as keyof typeof vectors.keys], algorithm)
    const signature = parseBase64(vector.signature) as Uint8Array
    expect(await web.verify(algorithm, key, signature, vector.base as string)).toBe(true)
  })

  it('produces the same hashes of texts, which are digests of their UTF-8', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
        const digest = createHash('sha256').update(new TextEncoder().encode(text)).digest('base64url')
        expect(await node.hashText(text)).toBe(digest)
        expect(await web.hashText(text)).toBe(digest)
      }),
    )
    expect(await node.hashText('\ud800')).toBe(await web.hashText('\ud800'))
  })

  it('produces the same digests', async () => {
    const data = new Uint8Array([1, 2, 3])
    expect(await web.sha256(data)).toEqual(new Uint8Array(await node.sha256(data)))
    expect(await web.sha512(data)).toEqual(new Uint8Array(await node.sha512(data)))
    expect(web.randomBytes(16)).toHaveLength(16)
    expect(web.randomBytes(16)).not.toEqual(web.randomBytes(16))
  })

  it('rejects numbers that are not a valid key', async () => {
    const x = Buffer.alloc(32).toString('base64url')
    await expect(web.importPublicKey({ kty: 'EC', crv: 'P-256', x, y: x }, 'ecdsa-p256-sha256')).rejects.toThrow()
  })
})
