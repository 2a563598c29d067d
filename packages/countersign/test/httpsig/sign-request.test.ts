import { type Algorithm, createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import {
  importVerificationKey,
  type KeyReference,
  receiveRequest,
  requireContentDigest,
  signMessage,
  signRequest,
  verifySignature,
} from 'countersign/signatures'
import { describe, expect, it, vi } from 'vitest'
import { refusal, refusalCode } from '../refusal.js'

const now = 1_768_786_017
const signer = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))
const signatureKey: KeyReference = {
  scheme: 'jwks',
  id: 'https://agent.example',
  kid: 'key-1',
  wellKnown: 'aauth-agent',
}
const signing = { profile: january.signing, signer, signatureKey, created: now }
const key = await importVerificationKey(signer.jwk)

const verify = (request: Request, maxBody?: number) =>
  verifySignature(receiveRequest(request), {
    profile: january.signing,
    authorities: ['resource.example'],
    now: () => now,
    resolveKey: () => ({ key }),
    claimNonce: 'later',
    ...(maxBody === undefined ? {} : { maxBody }),
  })

const json = { 'content-type': 'application/json' }

describe('signRequest, verified', () => {
  it.each<[string, Request, string[]]>([
    ['GET', new Request('https://resource.example/data'), ['@method', '@authority', '@path', 'signature-key']],
    ['GET of the root', new Request('https://resource.example'), ['@method', '@authority', '@path', 'signature-key']],
    [
      'GET with the default port',
      new Request('https://resource.example:443/data'),
      ['@method', '@authority', '@path', 'signature-key'],
    ],
    [
      'GET with a query',
      new Request('https://resource.example/data?a=1&b=%20'),
      ['@method', '@authority', '@path', '@query', 'signature-key'],
    ],
    [
      'GET with a fragment',
      new Request('https://resource.example/a#b?c'),
      ['@method', '@authority', '@path', 'signature-key'],
    ],
    [
      'GET with characters that URLs percent-encode',
      new Request('https://resource.example/ü x|y?q=\'ü"'),
      ['@method', '@authority', '@path', '@query', 'signature-key'],
    ],
    [
      'HEAD',
      new Request('https://resource.example/data', { method: 'HEAD' }),
      ['@method', '@authority', '@path', 'signature-key'],
    ],
    [
      'DELETE',
      new Request('https://resource.example/data', { method: 'DELETE' }),
      ['@method', '@authority', '@path', 'nonce', 'signature-key'],
    ],
    [
      'POST',
      new Request('https://resource.example/data', { method: 'POST', body: '{}', headers: json }),
      ['@method', '@authority', '@path', 'content-type', 'content-digest', 'nonce', 'signature-key'],
    ],
    [
      'POST with a query',
      new Request('https://resource.example/data?a', { method: 'POST', body: '{}', headers: json }),
      ['@method', '@authority', '@path', '@query', 'content-type', 'content-digest', 'nonce', 'signature-key'],
    ],
    [
      'POST with an empty body',
      new Request('https://resource.example/data', { method: 'POST', body: '' }),
      ['@method', '@authority', '@path', 'nonce', 'signature-key'],
    ],
    [
      'POST with a form',
      new Request('https://resource.example/data', { method: 'POST', body: new URLSearchParams({ a: 'b' }) }),
      ['@method', '@authority', '@path', 'content-type', 'content-digest', 'nonce', 'signature-key'],
    ],
    [
      'GET with a Nonce and a Content-Digest that the caller left in the headers',
      new Request('https://resource.example/data', {
        headers: { nonce: 'Y3VyaW91c2x5Y3VyaW91cw', 'content-digest': 'sha-256=:AAAA:' },
      }),
      ['@method', '@authority', '@path', 'signature-key'],
    ],
  ])('%s', async (_name, request, covered) => {
    const text = await request.clone().text()
    const signed = await signRequest(request, signing)
    const verified = await verify(signed)
    expect(verified.covered).toEqual(covered)
    for (const name of ['content-digest', 'nonce']) expect(signed.headers.has(name)).toBe(covered.includes(name))
    expect(Buffer.from(verified.body).toString()).toBe(text)
    expect(await signed.text()).toBe(text)
    expect(signed.url).toBe(request.url)
  })

  it.each([
    ['/a?', '/a', undefined],
    ['/?', '/', undefined],
    ['?', '/', undefined],
    ['/a?#part', '/a#part', undefined],
    ['/a#part?', '/a#part?', undefined],
    ['/a#?', '/a#?', undefined],
    ['/a??', '/a??', '??'],
    ['/a?b?', '/a?b?', '?b?'],
    ['/a?=', '/a?=', '?='],
  ])('S18: %s is signed and sent as %s, since not every fetch sends an empty query', async (asked, sent, query) => {
    const signed = await signRequest(new Request(`https://resource.example${asked}`), signing)
    expect(signed.url).toBe(`https://resource.example${sent}`)
    expect(await verify(signed)).toMatchObject({ query })
  })

  it('S18: an empty query is kept and covered if the sender chooses to', async () => {
    const signed = await signRequest(new Request('https://resource.example/a?'), { ...signing, emptyQuery: 'keep' })
    expect(signed.url).toBe('https://resource.example/a?')
    expect(await verify(signed)).toMatchObject({ query: '?', covered: expect.arrayContaining(['@query']) })
  })

  it('percent-encodes a caret in the path, since parsers disagree about it', async () => {
    const signed = await signRequest(new Request('https://resource.example/a^b?c^d#e^f'), signing)
    expect(signed.url).toBe('https://resource.example/a%5Eb?c^d#e^f')
    expect(await verify(signed)).toMatchObject({ path: '/a%5Eb', query: '?c^d' })
  })

  it('replaces a Nonce left by the caller, so that no request reuses the nonce of another', async () => {
    const own = 'Y3VyaW91c2x5Y3VyaW91cw'
    const request = new Request('https://resource.example/', { method: 'DELETE', headers: { nonce: own } })
    const first = await signRequest(request, signing)
    const second = await signRequest(first, signing)
    const nonces = [own, first.headers.get('nonce'), second.headers.get('nonce')]
    expect(new Set(nonces).size).toBe(3)
    expect(await verify(second)).toMatchObject({ method: 'DELETE' })
  })

  it('sends no Nonce with nonce: never', async () => {
    const request = new Request('https://resource.example/', { method: 'POST', headers: { nonce: 'a' } })
    const signed = await signRequest(request, { ...signing, nonce: 'never' })
    expect(signed.headers.get('nonce')).toBeNull()
    expect((await verify(signed)).covered).not.toContain('nonce')
  })

  it.each<Algorithm>(['ed25519', 'ecdsa-p256-sha256', 'rsa-pss-sha512'])('%s', async (algorithm) => {
    const own = await createSigner(await generatePrivateJwk({ algorithm }))
    const ownKey = await importVerificationKey(own.jwk)
    const request = new Request('https://resource.example/data?a', { method: 'POST', body: '{}', headers: json })
    const signed = await signRequest(request, { ...signing, signer: own })
    const options = {
      authorities: ['resource.example'] as const,
      now: () => now,
      resolveKey: () => ({ key: ownKey }),
      profile: january.signing,
      claimNonce: 'later' as const,
    }
    expect((await verifySignature(receiveRequest(signed), options)).resolved.key.algorithm).toBe(algorithm)
    const other = new Request(signed.url, { method: 'PUT', headers: signed.headers, body: '{}' })
    expect(await refusalCode(() => verifySignature(receiveRequest(other), options))).toBe('signature_mismatch')
  })

  it('base64url on demand (W2)', async () => {
    const signed = await signRequest(new Request('https://resource.example/'), { ...signing, encoding: 'base64url' })
    expect(signed.headers.get('signature')).toMatch(/^sig1=:[\w-]{86}:$/)
    expect(await verify(signed)).toMatchObject({ path: '/' })
  })

  it('computes the digest over the body', async () => {
    const signed = await signRequest(
      new Request('https://resource.example/', { method: 'POST', body: '{"a":1}', headers: json }),
      signing,
    )
    await requireContentDigest(signed.headers.get('content-digest') ?? '', new Uint8Array(Buffer.from('{"a":1}')))
  })

  it('throws TypeError for a body without a media type', async () => {
    const request = new Request('https://resource.example/', { method: 'POST', body: new Uint8Array([1]) })
    await expect(signRequest(request, signing)).rejects.toThrow(TypeError)
  })

  it('keeps redirect and signal, and leaves the request unchanged', async () => {
    const abort = new AbortController()
    const request = new Request('https://resource.example/', { redirect: 'manual', signal: abort.signal })
    const signed = await signRequest(request, signing)
    expect(signed.redirect).toBe('manual')
    abort.abort()
    expect(signed.signal.aborted).toBe(true)
    expect(request.headers.has('signature')).toBe(false)
  })
})

describe('signMessage', () => {
  it.each([
    [now + 0.999, now],
    [now + 0.001, now],
    [0, 0],
    [0.5, 0],
    [2 ** 53 - 1, 2 ** 53 - 1],
  ])('created %d is %d: a fraction is dropped', async (created, written) => {
    const message = { method: 'GET', authority: 'resource.example', path: '/' }
    const headers = await signMessage(message, { ...signing, created })
    expect(headers['signature-input']).toMatch(new RegExp(`;created=${written}$`))
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -1, -0.5, 2 ** 53])('rejects created %d', (created) => {
    const message = { method: 'GET', authority: 'resource.example', path: '/' }
    expect(() => signMessage(message, { ...signing, created })).toThrow('created must be a time in Unix seconds')
  })

  it('signs synchronously if the signer does', () => {
    const headers = signMessage({ method: 'GET', authority: 'resource.example', path: '/' }, signing)
    expect(headers).not.toBeInstanceOf(Promise)
    expect(headers).toMatchObject({
      'signature-key': 'sig1=(scheme=jwks id="https://agent.example" kid="key-1" well-known="aauth-agent")',
      'signature-input': `sig1=("@method" "@authority" "@path" "signature-key");created=${now}`,
    })
  })

  it('waits for an asynchronous signer', async () => {
    const remote = { ...signer, sign: async (bytes: string | Uint8Array) => signer.sign(bytes) }
    const message = { method: 'GET', authority: 'resource.example', path: '/' }
    expect(await signMessage(message, { ...signing, signer: remote })).toEqual(signMessage(message, signing))
  })

  it('does not sign a digest without the media type', () => {
    const message = { method: 'POST', authority: 'a', path: '/', fields: { 'content-digest': 'sha-256=:AAAA:' } }
    expect(() => signMessage(message, signing)).toThrow(TypeError)
  })
})

describe('receiveRequest', () => {
  const post = (body: string) => new Request('https://resource.example/data', { method: 'POST', body, headers: json })

  it('leaves the body to the caller', async () => {
    const signed = await signRequest(post('{"a":1}'), signing)
    await verify(signed)
    expect(await signed.json()).toEqual({ a: 1 })
  })

  it('rejects a body over the limit, without waiting for the caller’s copy of it', async () => {
    const signed = await signRequest(post('x'.repeat(100_000)), signing)
    expect(await refusalCode(() => verify(signed, 1000))).toBe('body_too_large')
  })

  it('R06: a body that was already read is a programming error', async () => {
    const signed = await signRequest(post('{}'), signing)
    await signed.text()
    const { code, status } = await refusal(() => verify(signed))
    expect([code, status]).toEqual(['body_read_before', 500])
  })

  it('S07: rejects header lines that fetch joined', async () => {
    const signed = await signRequest(new Request('https://resource.example/'), signing)
    signed.headers.append('signature', signed.headers.get('signature') ?? '')
    expect(await refusalCode(() => verify(signed))).toBe('signature_malformed')
  })

  it('chooses the authority by the URL if the platform hides the Host', async () => {
    const signed = await signRequest(new Request('https://api.example:8443/a?'), signing)
    const options = {
      authorities: ['resource.example', 'api.example:8443'] as const,
      now: () => now,
      resolveKey: () => ({ key }),
      profile: january.signing,
      claimNonce: 'later' as const,
    }
    expect(await verifySignature(receiveRequest(signed), options)).toMatchObject({ authority: 'api.example:8443' })
    const shown = new Request(signed, { headers: [...signed.headers, ['host', 'resource.example']] })
    expect(await refusalCode(() => verifySignature(receiveRequest(shown), options))).toBe('signature_mismatch')
  })
})

it('warns if signature headers exceed 8 KiB, since many servers reject them', async () => {
  const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  const sign = (length: number) =>
    signRequest(new Request('https://large.example/data'), {
      ...signing,
      signatureKey: { scheme: 'jwt', jwt: 'x'.repeat(length) },
    })
  await sign(7000)
  expect(emitWarning).not.toHaveBeenCalled()
  await sign(8192)
  expect(emitWarning.mock.calls).toEqual([[expect.stringMatching(/8 to 16 KiB/), 'CountersignWarning']])
})
