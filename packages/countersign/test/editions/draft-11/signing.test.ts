import {
  draft11AgentSigning,
  draft11BaseSigning,
  draft11ServerSigning,
  draft11Signing,
} from 'countersign/editions/draft-11'
import {
  importVerificationKey,
  receiveRequest,
  type SigningProfile,
  signRequest,
  type VerifySignatureOptions,
  verifySignature,
} from 'countersign/signatures'
import { describe, expect, it } from 'vitest'
import { receivedMessage } from '../../received-message.js'
import { refusal, refusalCode } from '../../refusal.js'
import { craftRequest, newSigner, now, type WireMessage, withField } from './wire.js'

const signer = await newSigner('k1')
const other = await newSigner('k2')
const found = { key: await importVerificationKey(signer.jwk) }
const key = { scheme: 'jwt', jwt: 'e30.e30.AA' } as const
const serverKey = { scheme: 'jwks', id: 'https://ps.example', wellKnown: 'aauth-person.json', kid: 'k1' } as const

const receiver: VerifySignatureOptions<typeof found> = {
  profile: draft11Signing,
  authorities: ['api.example'],
  now: () => now,
  resolveKey: () => found,
  claimNonce: 'later',
}

const verify = (
  message: WireMessage,
  profile: SigningProfile = draft11Signing,
  options: Partial<VerifySignatureOptions<typeof found>> = {},
) => verifySignature(receivedMessage(message), { ...receiver, profile, ...options })

const get = await craftRequest({ signer, key })
const withQuery = await craftRequest({ signer, key, target: '/data?a=1', also: ['@query'] })
const post = await craftRequest({ signer, key, method: 'POST', body: '{}', also: ['content-type', 'content-digest'] })

type Made = WireMessage | Promise<WireMessage>

describe('a signature of draft -11', () => {
  it('with a digest of a body that was removed on the way is refused, also if bodies are received as uploads', async () => {
    const upload = { isAnnounced: false, take: async () => undefined }
    const removed = { ...receivedMessage({ ...post, body: '' }), upload }
    expect(await refusalCode(() => verifySignature(removed, receiver))).toBe('digest_mismatch')
  })

  it.each<[string, Made, keyid?: string]>([
    ['a GET', get],
    ['a query', withQuery],
    ['a body', post],
    ['another label', craftRequest({ signer, key, label: 'proof' })],
    ['another order', craftRequest({ signer, key, components: ['signature-key', '@path', '@authority', '@method'] })],
    [
      'more components than it needs',
      craftRequest({ signer, key, also: ['@query', 'accept'], fields: { accept: '*/*' } }),
    ],
    [
      'a keyid, an alg and an expiry',
      craftRequest({ signer, key, parameters: `;keyid="k1";alg="ed25519";expires=${now + 9}` }),
      'k1',
    ],
  ])('is accepted with %s', async (_with, message, keyid) => {
    expect((await verify(await message)).signatureKey).toEqual({ ...key, keyid })
  })

  it.each<[string, Partial<Parameters<typeof craftRequest>[0]>]>([
    ['is as old as the window', { created: now - 60 }],
    ['is as far ahead as the window', { created: now + 60 }],
    ['expires in a second', { parameters: `;expires=${now + 1}` }],
    ['has the longest nonce', { parameters: `;nonce="${'a'.repeat(256)}"` }],
  ])('is accepted if it %s', async (_if, parts) => {
    expect((await verify(await craftRequest({ signer, key, ...parts }))).signatureKey).toMatchObject(key)
  })

  it('names the edition of a Signature-Key in the form of another one', async () => {
    const other = withField(get, 'signature-key', () => 'sig=(scheme=jwt jwt="e30.e30.AA")')
    await expect((async () => verify(other))()).rejects.toThrow('it has the form of January 2026')
  })

  const rows: [string, string, Made, string?][] = [
    [
      'has no Signature-Key',
      'signature_missing',
      { ...get, headers: get.headers.filter(([name]) => name !== 'signature-key') },
    ],
    [
      'has January’s Signature-Key',
      'signature_malformed',
      withField(get, 'signature-key', () => 'sig=(scheme=jwt jwt="e30.e30.AA")'),
    ],
    [
      'has members of both grammars',
      'signature_malformed',
      withField(get, 'signature-key', (value) => `${value}, sig1=(scheme=jwt jwt="e30.e30.AA")`),
    ],
    ['has a Signature-Key without labels', 'signature_malformed', withField(get, 'signature-key', () => '"sig"')],
    ['has a label twice', 'signature_malformed', withField(get, 'signature-key', (value) => `${value}, ${value}`)],
    [
      'has nine members',
      'signature_malformed',
      withField(get, 'signature-key', (value) => `${value}${', a=1, b=1, c=1, d=1, e=1, f=1, g=1, h=1'}`),
    ],
    [
      'has a token that is not a string',
      'signature_malformed',
      withField(get, 'signature-key', () => 'sig=jwt;jwt=token'),
    ],
    [
      'has no created',
      'signature_created_missing',
      withField(get, 'signature-input', (value) => value.replace(/;created=\d+/, '')),
    ],
    [
      'has another label',
      'signature_label_mismatch',
      withField(get, 'signature', (value) => value.replace('sig', 'proof')),
    ],
    ['is by the key of a server', 'signature_key_scheme_refused', craftRequest({ signer, key: serverKey })],
    [
      'uses hwk',
      'signature_key_scheme_refused',
      withField(get, 'signature-key', () => 'sig=hwk;kty="OKP";crv="Ed25519";x="AA";alg="Ed25519"'),
    ],
    ['is older than the window', 'signature_created_outside_window', craftRequest({ signer, key, created: now - 61 })],
    [
      'is ahead of the window',
      'signature_created_outside_window',
      craftRequest({ signer, key, created: now + 61 }),
      'clock_skew',
    ],
    ['has expired', 'signature_expired', craftRequest({ signer, key, parameters: `;expires=${now}` })],
    [
      'names another algorithm',
      'algorithm_mismatch',
      craftRequest({ signer, key, parameters: ';alg="ecdsa-p256-sha256"' }),
    ],
    ['is by another key', 'signature_mismatch', craftRequest({ signer: other, key })],
    ['is for another method', 'signature_mismatch', { ...get, method: 'DELETE' }],
    ['is for another query', 'signature_mismatch', { ...withQuery, target: '/data?a=2' }],
    ['is for another body', 'digest_mismatch', { ...post, body: '{"a":1}' }],
    ['has an empty nonce', 'nonce_malformed', craftRequest({ signer, key, parameters: ';nonce=""' })],
    [
      'has a nonce that is too long',
      'nonce_malformed',
      craftRequest({ signer, key, parameters: `;nonce="${'a'.repeat(257)}"` }),
    ],
  ]
  it.each(rows)('is rejected if it %s', async (_if, code, message, error) => {
    expect(await refusal(async () => verify(await message))).toMatchObject({ code, status: 401, error })
  })

  it.each<[string, Made, string[]]>([
    ['the path', craftRequest({ signer, key, components: ['@method', '@authority', 'signature-key'] }), []],
    ['Signature-Key', craftRequest({ signer, key, components: ['@method', '@authority', '@path'] }), []],
    ['the query', craftRequest({ signer, key, target: '/data?a=1' }), ['@query']],
    [
      'the body',
      craftRequest({ signer, key, method: 'POST', body: '{}', also: ['content-type'] }),
      ['content-type', 'content-digest'],
    ],
  ])('is rejected without %s, and the refusal names all that it must cover', async (_what, message, further) => {
    const { code, requiredInput } = await refusal(async () => verify(await message))
    expect(code).toBe('component_missing')
    expect(requiredInput).toEqual(['@method', '@authority', '@path', 'signature-key', ...further])
  })

  it('need not cover the query and the body with the base profile, but what it covers is checked', async () => {
    const bare = await craftRequest({ signer, key, method: 'POST', target: '/data?a=1', body: '{}' })
    expect((await verify(bare, draft11BaseSigning)).path).toBe('/data')
    expect(await refusalCode(() => verify({ ...post, body: '{"a":1}' }, draft11BaseSigning))).toBe('digest_mismatch')
    expect(await refusalCode(() => verify({ ...bare, body: '{"a":1}' }, draft11BaseSigning))).toBe('digest_mismatch')
  })

  it('of a server names its document and key', async () => {
    const message = await craftRequest({ signer, key: serverKey })
    expect((await verify(message, draft11ServerSigning)).signatureKey).toEqual(serverKey)
    expect(await refusalCode(() => verify(get, draft11ServerSigning))).toBe('signature_key_scheme_refused')
  })
})

describe('a request with several signatures', () => {
  const hostile = [
    'jwt;jwt="x"',
    'jwks_uri;id="https://evil.example";dwk="a";kid="k"',
    'jwt',
    '("a" "b");x',
    '?0',
    '"sig=jwt"',
  ]

  it.each(hostile)('is judged by its own, beside the member evil=%s', async (value) => {
    // Signed with the whole field, as the signer sends it.
    const message = await craftWith((own) => `evil=${value}, ${own}`)
    expect((await verify(message)).signatureKey).toEqual(key)
    const before = withField(
      withField(message, 'signature', (own) => `evil=:AAAA:, ${own}`),
      'signature-input',
      (own) => `${own}, other=("@method");created=1`,
    )
    expect((await verify(before)).signatureKey).toEqual(key)
  })

  it('has at most eight members in at most 16 KiB', async () => {
    const more = (count: number) => Array.from({ length: count }, (_, at) => `, m${at}=1`).join('')
    expect((await verify(await craftWith((own) => own + more(7)))).signatureKey).toEqual(key)
    expect(await refusalCode(async () => verify(await craftWith((own) => own + more(8))))).toBe('signature_malformed')
    const ofLength = (length: number) => (own: string) => `${own}, m="${'a'.repeat(length - own.length - 6)}"`
    expect((await verify(await craftWith(ofLength(16_384)))).signatureKey).toEqual(key)
    const { message } = await refusal(async () => verify(await craftWith(ofLength(16_385))))
    expect(message).toBe('Signature-Key is longer than 16 KiB.')
  })

  it('is judged by the first whose key has an accepted scheme', async () => {
    const message = await craftWith((own) => `proxy=jwks_uri;id="https://p.example";dwk="d";kid="k", ${own}`)
    const both = withField(
      withField(message, 'signature', (own) => `proxy=:AAAA:, ${own}`),
      'signature-input',
      (own) => `proxy=("@method");created=1, ${own}`,
    )
    expect((await verify(both)).signatureKey).toEqual(key)
  })

  it('may have its members in several lines', async () => {
    const more: [string, string][] = [
      ['signature', 'cdn=:AAAA:'],
      ['signature-input', 'cdn=("@method");created=1'],
    ]
    expect((await verify({ ...get, headers: [...get.headers, ...more] })).signatureKey).toEqual(key)
  })

  it('is rejected if a member was added after signing', async () => {
    const changed = withField(get, 'signature-key', (own) => `${own}, evil=jwt;jwt="x"`)
    expect(await refusalCode(() => verify(changed))).toBe('signature_mismatch')
  })

  /** A request whose Signature-Key field has more members, all of them signed. */
  async function craftWith(field: (own: string) => string): Promise<WireMessage> {
    const own = 'sig=jwt;jwt="e30.e30.AA"'
    const input = `("@method" "@authority" "@path" "signature-key");created=${now}`
    const lines = ['"@method": GET', '"@authority": api.example', '"@path": /data', `"signature-key": ${field(own)}`]
    const signature = await signer.sign([...lines, `"@signature-params": ${input}`].join('\n'))
    const headers: [string, string][] = [
      ['host', 'api.example'],
      ['signature-key', field(own)],
      ['signature-input', `sig=${input}`],
      ['signature', `sig=:${Buffer.from(signature).toString('base64')}:`],
    ]
    return { method: 'GET', target: '/data', body: '', headers }
  }
})

describe('the nonce parameter', () => {
  it('is part of the verified request, and the same for the same request', async () => {
    const message = await craftRequest({ signer, key, parameters: ';nonce="once"' })
    const nonces = [(await verify(message)).nonce, (await verify(message)).nonce]
    expect(nonces[0]).toMatchObject({ lifetime: 120 })
    expect(nonces[0]).toEqual(nonces[1])
    const later = await craftRequest({ signer, key, parameters: ';nonce="twice"' })
    expect((await verify(later)).nonce?.key).not.toBe(nonces[0]?.key)
    expect((await verify(get)).nonce).toBeUndefined()
  })

  it('is claimed, so that the request works only once', async () => {
    const message = await craftRequest({ signer, key, parameters: ';nonce="once"' })
    const claimed = new Set<string>()
    const claimNonce = ({ key: name }: { key: string }) => !claimed.has(name) && Boolean(claimed.add(name))
    await verify(message, draft11Signing, { claimNonce })
    expect(await refusalCode(() => verify(message, draft11Signing, { claimNonce }))).toBe('nonce_replayed')
  })

  it('can be required of requests that change something', async () => {
    expect(await refusalCode(() => verify(post, draft11Signing, { nonce: 'required' }))).toBe('nonce_missing')
    expect((await verify(get, draft11Signing, { nonce: 'required' })).nonce).toBeUndefined()
  })
})

describe('signRequest with draft -11', () => {
  const sign = (request: Request, profile = draft11AgentSigning) =>
    signRequest(request, { profile, signer, signatureKey: key, created: now })
  const receive = (request: Request) => verifySignature(receiveRequest(request), receiver)

  it('covers what the request has, and sends a new nonce every time, in the signature', async () => {
    const requests = [1, 2].map(() => new Request('https://api.example/data?a=1'))
    const [one, two] = await Promise.all(requests.map((request) => sign(request)))
    const [first, second] = await Promise.all([one, two].map((request) => receive(request as Request)))
    expect(first?.covered).toEqual(['@method', '@authority', '@path', 'signature-key', '@query'])
    expect(first?.nonce?.key).not.toBe(second?.nonce?.key)
    expect(one?.headers.get('nonce')).toBeNull()
    expect(one?.headers.get('signature-input')).toMatch(/^sig=\(.*\);created=1790000000;nonce="[\da-f-]{36}"$/)
    expect(one?.headers.get('signature-key')).toBe('sig=jwt;jwt="e30.e30.AA"')
  })

  it('covers the content, and other fields that a profile lists', async () => {
    const profile = {
      ...draft11AgentSigning,
      components: [...draft11AgentSigning.components, { name: 'authorization', when: 'always' } as const],
    }
    const headers = { 'content-type': 'application/json', authorization: 'AAuth abc' }
    const signed = await sign(new Request('https://api.example/data', { method: 'POST', headers, body: '{}' }), profile)
    expect((await receive(signed)).covered).toEqual([
      '@method',
      '@authority',
      '@path',
      'signature-key',
      'content-type',
      'content-digest',
      'authorization',
    ])
  })
})
