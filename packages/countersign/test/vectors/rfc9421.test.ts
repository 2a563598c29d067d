import { createSigner } from 'countersign'
import { january } from 'countersign/editions'
import { importVerificationKey, jwkThumbprint, parseSignature, parseSignatureInput, requireContentDigest, serializeBase64, serializeSignatureBase, verifyBytes, verifySignature } from 'countersign/signatures'
import { describe, expect, it } from 'vitest'
import vectors from '../../vectors/rfc9421-appendix-b.json' with { type: 'json' }
import { receivedMessage } from '../received-message.js'
import { refusalCode } from '../refusal.js'

type Case = (typeof vectors.cases)[number]

const keyOf = (name: string) => importVerificationKey(vectors.keys[name as keyof typeof vectors.keys])
const covered = vectors.cases.filter((vector) => !('base' in vector))
const withParameters = vectors.cases.filter((vector) => 'base' in vector)

function baseOf(vector: Case): string {
  if (typeof vector.base === 'string') return vector.base
  const { components, parameters } = parseSignatureInput(vector.signatureInput)
  const values: Readonly<Record<string, string | undefined>> = vector.values
  return serializeSignatureBase(components, components.map((name) => values[name] ?? 'absent'), parameters)
}

describe('RFC 9421 Appendix B', () => {
  it.each(vectors.cases)('$name: the signature verifies over the base', async (vector) => {
    const key = await keyOf(vector.key)
    const { signature } = parseSignature(`${vector.signatureInput.split('=')[0]}=:${vector.signature}:`)
    const base = baseOf(vector)
    expect(await verifyBytes(key, signature, base)).toBe(true)
    expect(await verifyBytes(key, signature, `${base}\n`)).toBe(false)
    expect(await verifyBytes(key, signature.subarray(1), base)).toBe(false)
  })

  it.each(covered)('$name: parses label and time', ({ signatureInput }) => {
    const input = parseSignatureInput(signatureInput)
    expect(input).toMatchObject({ label: signatureInput.split('=')[0], created: 1618884473 })
    expect(`${input.label}=${input.parameters}`).toBe(signatureInput)
  })

  it.each(withParameters)('$name: rejects a component parameter that is not implemented', async (vector) => {
    expect(await refusalCode(() => parseSignatureInput(vector.signatureInput))).toBe('component_unsupported')
  })

  it('B.2.6: our signer produces the identical signature', async () => {
    const signer = await createSigner({ ...vectors.keys['test-key-ed25519'], ...vectors.ed25519PrivateKey })
    const vector = vectors.cases.find(({ name }) => name.startsWith('B.2.6')) as Case
    expect(serializeBase64(await signer.sign(baseOf(vector)))).toBe(vector.signature)
  })

  it('B.2.5: a symmetric key is not accepted', async () => {
    const secret = { kty: 'oct', k: vectors.hmac.secret.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '') }
    expect(await refusalCode(() => importVerificationKey(secret))).toBe('key_invalid')
    expect(await refusalCode(() => importVerificationKey({ kty: 'oct' }))).toBe('key_invalid')
  })

  it('B.2: the digest of the request', async () => {
    await requireContentDigest(vectors.contentDigest, Buffer.from(vectors.body))
  })

  it.each([
    ['test-key-ed25519', 'poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U'],
    ['test-key-rsa-pss', 'oD0HwocPBSfpNy5W3bpJeyFGY_IQ_YpqxSjQ3Yd-CLA'],
    ['test-key-ecc-p256', 'ydQXMtvbsOsZyFir-Y7A8t7fKEM1gbKPvyFkdpu4fvI'],
  ])('B.1: thumbprint of %s', async (name, thumbprint) => {
    expect(await jwkThumbprint(vectors.keys[name as keyof typeof vectors.keys])).toBe(thumbprint)
  })

  const requests = vectors.cases.filter(({ response, name }) => response !== true && !name.startsWith('B.3'))
  it.each(requests)('$name: the profile rejects it as a request, because signature-key is missing', async (vector) => {
    const label = vector.signatureInput.split('=')[0]
    const { '@method': method = 'POST', '@path': path = '/foo' } = vector.values as Record<string, string>
    const message = receivedMessage({
      method,
      target: `${path}?param=Value&Pet=dog`,
      body: vectors.body,
      headers: [
        ['signature-input', vector.signatureInput],
        ['signature', `${label}=:${vector.signature}:`],
        ['signature-key', `${label}=(scheme=jwks id="https://agent.example" kid="k" well-known="aauth-agent")`],
      ],
    })
    const options = {
      authorities: ['example.com'] as const,
      now: () => 1618884473,
      resolveKey: async () => ({ key: await keyOf(vector.key) }),
      profile: january.signing,
      claimNonce: 'later' as const,
    }
    const code = await refusalCode(() => verifySignature(message, options))
    expect(code).toBe('base' in vector ? 'component_unsupported' : 'component_missing')
  })
})
