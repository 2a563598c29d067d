import { createSigner } from 'countersign'
import { january } from 'countersign/editions'
import { importVerificationKey, jwkThumbprint, parseBase64url, serializeBase64url, verifyBytes } from 'countersign/signatures'
import { decodeToken, verifyToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import vectors from '../../vectors/jose.json' with { type: 'json' }
import { refusalCode } from '../refusal.js'

function partsOf(compact: string): { signingInput: string; signature: Uint8Array } {
  const end = compact.lastIndexOf('.')
  return { signingInput: compact.slice(0, end), signature: parseBase64url(compact.slice(end + 1)) ?? new Uint8Array() }
}

describe('JWK thumbprints (RFC 7638, RFC 8037)', () => {
  it.each(vectors.thumbprints)('$name', async ({ jwk, thumbprint }) => {
    expect(await jwkThumbprint(jwk)).toBe(thumbprint)
    expect(await jwkThumbprint({ ...jwk, kid: 'another name' })).toBe(thumbprint)
  })

  it('a key whose alg says RS256 is not used for rsa-pss-sha512', async () => {
    expect(await refusalCode(() => importVerificationKey(vectors.thumbprints[0]?.jwk))).toBe('key_invalid')
  })
})

describe('JWS (RFC 8037, RFC 7515)', () => {
  it.each(vectors.signatures)('$name: verifies, but not with a changed bit', async ({ jwk, compact }) => {
    const key = await importVerificationKey(jwk)
    const { signingInput, signature } = partsOf(compact)
    expect(await verifyBytes(key, signature, signingInput)).toBe(true)
    expect(await verifyBytes(key, signature, `${signingInput}A`)).toBe(false)
    signature[10] = (signature[10] ?? 0) ^ 1
    expect(await verifyBytes(key, signature, signingInput)).toBe(false)
  })

  it.each(vectors.signatures.filter(({ deterministic }) => deterministic))('$name: our signer produces it', async (vector) => {
    const { signingInput, signature } = partsOf(vector.compact)
    const signer = await createSigner({ ...vector.jwk, d: vector.d })
    expect(serializeBase64url(await signer.sign(signingInput))).toBe(serializeBase64url(signature))
  })

  it.each(vectors.signatures.filter(({ payloadIsJson }) => payloadIsJson))('$name: our signer signs with it', async (vector) => {
    const { signingInput } = partsOf(vector.compact)
    const signer = await createSigner({ ...vector.jwk, d: vector.d })
    const key = await importVerificationKey(vector.jwk)
    expect(await verifyBytes(key, await signer.sign(signingInput), signingInput)).toBe(true)
  })

  it('RFC 8037 A.4 has a payload that is not JSON: not a token', () => {
    expect(decodeToken(vectors.signatures[0]?.compact ?? '')).toBeUndefined()
  })
})

describe('JWT (RFC 7519)', () => {
  it('§3.1 can be split, and is rejected as one of our tokens', async () => {
    const { compact, header, payload } = vectors.symmetric
    expect(decodeToken(compact)).toMatchObject({ header, payload })
    const options = {
      audience: 'https://resource.example',
      now: () => 1300819300,
      findKey: async () => {
        throw new Error('a key was looked up')
      },
    }
    expect(await refusalCode(() => verifyToken(january.tokens.auth, compact, options))).toBe('auth_token_invalid')
  })

  it('§6.1, the unsecured one, cannot even be split', () => {
    expect(decodeToken(vectors.unsecured.compact)).toBeUndefined()
  })
})
