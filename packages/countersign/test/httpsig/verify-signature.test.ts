import { gzipSync } from 'node:zlib'
import { createSigner, generatePrivateJwk } from 'countersign'
import { january, wireErrorOf } from 'countersign/editions'
import { createMemoryNonces } from 'countersign/resource'
import {
  importVerificationKey,
  type KeyReference,
  type NonceClaim,
  nonceSource,
  requireUnusedNonce,
  type VerificationKey,
  type VerifySignatureOptions,
  verifySignature,
} from 'countersign/signatures'
import { describe, expect, it } from 'vitest'
import { receivedMessage } from '../received-message.js'
import { refusal, refusalCode } from '../refusal.js'
import { type CraftedMessage, craftMessage, digestOf, plusHeader, withHeader } from './crafted-message.js'

const now = 1_768_786_017
const signer = await createSigner(await generatePrivateJwk())
const ecdsaSigner = await createSigner(await generatePrivateJwk({ algorithm: 'ecdsa-p256-sha256' }))
const body = '{"action":"update"}'

type Options = Partial<VerifySignatureOptions<{ key: VerificationKey }>>

async function resolveKey(reference: KeyReference) {
  if (reference.scheme !== 'hwk') return { key: await importVerificationKey(signer.jwk) }
  return { key: await importVerificationKey(reference.jwk) }
}

const verify = (message: CraftedMessage, options: Options = {}) =>
  verifySignature(receivedMessage(message), {
    profile: january.signing,
    authorities: ['resource.example'],
    now: () => now,
    resolveKey,
    claimNonce: 'later',
    ...options,
  })

/** Options under which a key lookup fails the test: the message must be rejected before that. */
const beforeAnyKey: Options = {
  resolveKey: () => {
    throw new Error('a key was looked up')
  },
}

const get = await craftMessage({ signer })
const getWithQuery = await craftMessage({ signer, target: '/data?a=1' })
const post = await craftMessage({ signer, method: 'POST', body })
const nonce = 'Y3VyaW91c2x5Y3VyaW91cw'
const postWithNonce = await craftMessage({ signer, method: 'POST', body, fields: { nonce } })

it.each<[string, string, Options, string | undefined]>([
  ['is used', '', {}, undefined],
  ['must have the algorithm that the signature names', ';alg="ed25519"', {}, 'algorithm_mismatch'],
  ['must have an accepted algorithm', '', { algorithms: ['ed25519'] }, 'algorithm_unsupported'],
])('a renewed key %s', async (_what, parameters, options, code) => {
  const message = await craftMessage({ signer: ecdsaSigner, parameters })
  const key = await importVerificationKey(signer.jwk)
  const renewed = { key: await importVerificationKey(ecdsaSigner.jwk) }
  const verified = async () =>
    verify(message, { resolveKey: async () => ({ key }), renewKey: async () => renewed, ...options })
  if (code === undefined) expect((await verified()).resolved).toBe(renewed)
  else expect(await refusalCode(verified)).toBe(code)
})

it.each<[string, CraftedMessage, number]>([
  ['a valid request: all steps start', postWithNonce, 11],
  ['a changed body: the digest fails', { ...postWithNonce, body: '{}' }, 11],
  ['a changed method: the signature fails', { ...postWithNonce, method: 'PUT' }, 10],
  [
    'a short nonce: the nonce fails',
    await craftMessage({ signer, method: 'POST', body, fields: { nonce: 'AAAA' } }),
    5,
  ],
])('reports each step when it starts, for %s', async (_what, message, count) => {
  const seen: string[] = []
  await verify(message, { onStep: (step) => void seen.push(step) }).catch(() => undefined)
  const first = ['target', 'authority', 'headers', 'time', 'nonce', 'body', 'coverage']
  expect(seen).toEqual([...first, 'key', 'algorithm', 'signature', 'digest'].slice(0, count))
})

it('rejects a Nonce that is not base64url, even if the profile requires only one byte', async () => {
  const profile = { ...january.signing, nonceBytes: 1 }
  const withNonce = async (value: string) => craftMessage({ signer, method: 'POST', body, fields: { nonce: value } })
  expect(await refusalCode(async () => verify(await withNonce('!'), { profile }))).toBe('nonce_malformed')
  expect(await verify(await withNonce('AA'), { profile })).toMatchObject({ nonce: { lifetime: 120 } })
})

it('names the start of the path of a request whose signature is invalid', async () => {
  const long = await craftMessage({ signer, target: `/${'a'.repeat(98)}bc` })
  const { message } = await refusal(() => verify({ ...long, method: 'PUT' }))
  expect(message).toContain(`failed for PUT /${'a'.repeat(98)}:`)
})

it.each<[string, string | undefined, boolean]>([
  ['for another name of this machine', 'localhost:8002', true],
  ['for another port', '127.0.0.1:8003', true],
  ['for an unknown server', 'evil.example', true],
  ['for this authority', '127.0.0.1:8002', false],
  ['for another of our authorities', 'RESOURCE.example:443', false],
  ['that is missing', undefined, false],
])('for an invalid signature with a Host %s, reports whether the Host is the cause', async (_which, host, says) => {
  const signed = await craftMessage({ signer, authority: 'somewhere.example' })
  const headers = signed.headers.filter(([name]) => name.toLowerCase() !== 'host')
  const message = { ...signed, headers: host === undefined ? headers : [...headers, ['Host', host] as const] }
  const { code, description } = await refusal(() =>
    verify(message as typeof signed, { authorities: ['127.0.0.1:8002', 'resource.example'] }),
  )
  expect(code).toBe('signature_mismatch')
  expect(description.includes('localhost and its address count as different hosts')).toBe(says)
  expect(description).not.toContain('127.0.0.1')
})

describe('positive controls', async () => {
  it.each([
    ['GET', get],
    ['GET with a query', getWithQuery],
    ['POST', post],
    ['POST with a nonce', postWithNonce],
    ['POST without a body', await craftMessage({ signer, method: 'POST' })],
    ['POST with a body and a query', await craftMessage({ signer, method: 'POST', target: '/data?a=1', body })],
    ['another label', await craftMessage({ signer, label: 'sig-b26' })],
    [
      'additional fields covered',
      await craftMessage({
        signer,
        fields: { accept: 'text/html' },
        components: ['@method', 'accept', '@path', '@authority', 'signature-key'],
      }),
    ],
    ['alg that matches the key', await craftMessage({ signer, parameters: ';alg="ed25519"' })],
    ['keyid and nonce parameters', await craftMessage({ signer, parameters: ';keyid="k";nonce="n"' })],
    ['expires in the future', await craftMessage({ signer, parameters: `;expires=${now + 1}` })],
    ['ecdsa-p256-sha256', await craftMessage({ signer: ecdsaSigner })],
  ])('%s is accepted', async (_name, message) => {
    const verified = await verify(message)
    expect(verified).toMatchObject({ method: message.method, authority: 'resource.example', created: now })
    expect(verified.path + (verified.query ?? '')).toBe(message.target)
    expect(Buffer.from(verified.body).toString()).toBe(message.body)
  })

  it('S08: header names in mixed case and spaces around values', async () => {
    const headers = get.headers.map(([name, value]): [string, string] => [name.toUpperCase(), ` \t${value}\t `])
    expect(await verify({ ...get, headers })).toMatchObject({ path: '/data' })
  })

  it('the result contains the covered components, the signer and the values found', async () => {
    const { covered, signatureKey, resolved } = await verify(post)
    expect(covered).toEqual(['@method', '@authority', '@path', 'content-type', 'content-digest', 'signature-key'])
    expect(signatureKey.scheme).toBe('hwk')
    expect(resolved.key.thumbprint).toBe(signer.thumbprint)
  })

  it('S18: an empty query is signed as ?', async () => {
    expect(await verify(await craftMessage({ signer, target: '/a?' }))).toMatchObject({ path: '/a', query: '?' })
  })

  it('S24: the digest is over the content as sent, before gunzip', async () => {
    const zipped = gzipSync(body)
    const fields = {
      'content-type': 'application/json',
      'content-encoding': 'gzip',
      'content-digest': digestOf(zipped),
    }
    const components = ['@method', '@authority', '@path', 'content-type', 'content-digest', 'signature-key']
    const message = await craftMessage({ signer, method: 'POST', fields, components })
    const verified = await verifySignature(receivedMessage({ ...message, body: zipped }), {
      profile: january.signing,
      authorities: ['resource.example'],
      now: () => now,
      resolveKey,
      claimNonce: 'later',
    })
    expect(Buffer.from(verified.body)).toEqual(zipped)
    const overText = await craftMessage({
      signer,
      method: 'POST',
      fields: { ...fields, 'content-digest': digestOf(body) },
      components,
    })
    const refused = () =>
      verifySignature(receivedMessage({ ...overText, body: zipped }), {
        profile: january.signing,
        authorities: ['resource.example'],
        now: () => now,
        resolveKey,
        claimNonce: 'later',
      })
    expect(await refusalCode(refused)).toBe('digest_mismatch')
  })

  it('S46: a method override is a field like any other', async () => {
    expect(await verify(plusHeader(get, 'x-http-method-override', 'DELETE'))).toMatchObject({ method: 'GET' })
  })
})

describe('rejected before any key lookup', async () => {
  const crafted: readonly (readonly [string, CraftedMessage, string])[] = [
    ['S01: no header', receivedHeaders([]), 'signature_missing'],
    ['S02: no Signature', withHeader(get, 'signature', () => undefined), 'signature_missing'],
    ['S02: no Signature-Input', withHeader(get, 'signature-input', () => undefined), 'signature_missing'],
    ['S02: no Signature-Key', withHeader(get, 'signature-key', () => undefined), 'signature_missing'],
    ['S51: a tag', await craftMessage({ signer, parameters: ';tag="web-bot-auth"' }), 'signature_missing'],
    ['S51: an empty tag', await craftMessage({ signer, parameters: ';tag=""' }), 'signature_missing'],
    ['S03: another label in Signature-Key', withHeader(get, 'signature-key', relabelled), 'signature_label_mismatch'],
    [
      'S03: another label in Signature-Input',
      withHeader(get, 'signature-input', relabelled),
      'signature_label_mismatch',
    ],
    ['S03: another label in Signature', withHeader(get, 'signature', relabelled), 'signature_label_mismatch'],
    ['S04: a second member in Signature-Key', withHeader(get, 'signature-key', doubled), 'signature_malformed'],
    ['S05: a second label in Signature-Input', withHeader(get, 'signature-input', doubled), 'signature_malformed'],
    ['S05: a second label in Signature', withHeader(get, 'signature', doubled), 'signature_malformed'],
    ['S07: Signature on two lines', plusHeader(get, 'SIGNATURE', headerValue(get, 'signature')), 'signature_malformed'],
    [
      'S07: Signature-Input on two lines',
      plusHeader(get, 'Signature-Input', headerValue(get, 'signature-input')),
      'signature_malformed',
    ],
    [
      'S07: Signature-Key on two lines',
      plusHeader(get, 'Signature-key', headerValue(get, 'signature-key')),
      'signature_malformed',
    ],
    [
      'S07: the same value twice, joined',
      withHeader(get, 'signature', (value) => `${value}, ${value}`),
      'signature_malformed',
    ],
    [
      'S09: no created',
      withHeader(get, 'signature-input', (value) => value.replace(/;created.*/, '')),
      'signature_created_missing',
    ],
    ['S10: created 61 s ago', await craftMessage({ signer, created: now - 61 }), 'signature_created_outside_window'],
    ['S10: created 61 s ahead', await craftMessage({ signer, created: now + 61 }), 'signature_created_outside_window'],
    ['expires this second', await craftMessage({ signer, parameters: `;expires=${now}` }), 'signature_expired'],
    [
      'S14: @method not covered',
      await craftMessage({ signer, components: ['@authority', '@path', 'signature-key'] }),
      'component_missing',
    ],
    [
      'S14: @authority not covered',
      await craftMessage({ signer, components: ['@method', '@path', 'signature-key'] }),
      'component_missing',
    ],
    [
      'S14: @path not covered',
      await craftMessage({ signer, components: ['@method', '@authority', 'signature-key'] }),
      'component_missing',
    ],
    [
      'S14: signature-key not covered',
      await craftMessage({ signer, components: ['@method', '@authority', '@path'] }),
      'component_missing',
    ],
    [
      'another field covered instead of signature-key',
      await craftMessage({
        signer,
        fields: { accept: '*/*' },
        components: ['@method', '@authority', '@path', 'accept'],
      }),
      'component_missing',
    ],
    ['nothing covered', await craftMessage({ signer, components: [] }), 'component_missing'],
    [
      'S15: @query not covered',
      await craftMessage({
        signer,
        target: '/data?a=1',
        components: ['@method', '@authority', '@path', 'signature-key'],
      }),
      'component_missing',
    ],
    ['S16: a query is appended', { ...get, target: '/data?admin=true' }, 'component_missing'],
    ['S16: an empty query is appended', { ...get, target: '/data?' }, 'component_missing'],
    [
      'S17: @query covered without a query',
      await craftMessage({ signer, components: ['@method', '@authority', '@path', '@query', 'signature-key'] }),
      'component_forbidden',
    ],
    [
      'S17: @query covered last without a query',
      await craftMessage({ signer, components: ['@method', '@authority', '@path', 'signature-key', '@query'] }),
      'component_forbidden',
    ],
    [
      'S18: /a? signed without @query',
      await craftMessage({ signer, target: '/a?', components: ['@method', '@authority', '@path', 'signature-key'] }),
      'component_missing',
    ],
    [
      'S19: content-digest not covered',
      await craftMessage({
        signer,
        method: 'POST',
        body,
        components: ['@method', '@authority', '@path', 'content-type', 'signature-key'],
      }),
      'component_missing',
    ],
    [
      'S19: content-type not covered',
      await craftMessage({
        signer,
        method: 'POST',
        body,
        components: ['@method', '@authority', '@path', 'content-digest', 'signature-key'],
      }),
      'component_missing',
    ],
    [
      'S20: content-digest covered without a body',
      await craftMessage({
        signer,
        method: 'POST',
        fields: { 'content-digest': digestOf('') },
        components: ['@method', '@authority', '@path', 'content-digest', 'signature-key'],
      }),
      'component_forbidden',
    ],
    [
      'S20: content-type covered without a body',
      await craftMessage({
        signer,
        method: 'POST',
        fields: { 'content-type': 'a/b' },
        components: ['@method', '@authority', '@path', 'content-type', 'signature-key'],
      }),
      'component_forbidden',
    ],
    ['S27: two Host headers', plusHeader(get, 'Host', 'resource.example'), 'header_duplicate'],
    ['S27: absolute-form target', { ...get, target: 'http://resource.example/data' }, 'target_ambiguous'],
    ['S28: /x/../data', { ...get, target: '/x/../data' }, 'target_ambiguous'],
    [
      'S30: an unknown derived component',
      await craftMessage({ signer, components: ['@method', '@authority', '@path', '@target-uri', 'signature-key'] }),
      'component_unsupported',
    ],
    [
      'S30: @signature-params as a component',
      await craftMessage({
        signer,
        components: ['@method', '@authority', '@path', '@signature-params', 'signature-key'],
      }),
      'component_unsupported',
    ],
    [
      'S30: @status',
      await craftMessage({ signer, components: ['@method', '@authority', '@path', '@status', 'signature-key'] }),
      'component_unsupported',
    ],
    [
      'S30: "@METHOD"',
      await craftMessage({ signer, components: ['@METHOD', '@authority', '@path', 'signature-key'] }),
      'component_unsupported',
    ],
    [
      'S30: a duplicate component',
      await craftMessage({ signer, components: ['@method', '@method', '@authority', '@path', 'signature-key'] }),
      'signature_malformed',
    ],
    [
      'S30: a component with ;req',
      await craftMessage({ signer, components: ['"@method";req', '@authority', '@path', 'signature-key'] }),
      'component_unsupported',
    ],
    [
      'a missing covered field',
      await craftMessage({ signer, components: ['@method', '@authority', '@path', 'x-a', 'signature-key'] }),
      'component_missing',
    ],
    [
      'a covered field with a line feed, which would add a line to the base',
      await craftMessage({
        signer,
        fields: { 'x-a': 'a\n"x-b": b' },
        components: ['@method', '@authority', '@path', 'x-a', 'signature-key'],
      }),
      'component_unsupported',
    ],
    [
      'a covered field with non-ASCII characters',
      await craftMessage({
        signer,
        fields: { 'x-a': 'é' },
        components: ['@method', '@authority', '@path', 'x-a', 'signature-key'],
      }),
      'component_unsupported',
    ],
    [
      'S38: Latin-1 in Signature-Key',
      withHeader(get, 'signature-key', (value) => value.replace('OKP', 'ÖKP')),
      'signature_malformed',
    ],
    [
      'S38: a control character in Signature-Input',
      withHeader(get, 'signature-input', (value) => `${value};tag="\u0001"`),
      'signature_malformed',
    ],
    ['S38: a NUL in Signature', withHeader(get, 'signature', (value) => `${value}\0`), 'signature_malformed'],
    [
      'a no-break space after Signature, which does not count as whitespace',
      withHeader(get, 'signature', (value) => `${value}\u00a0`),
      'signature_malformed',
    ],
    [
      'a no-break space after a covered value',
      withHeader(post, 'content-type', (value) => `${value}\u00a0`),
      'component_unsupported',
    ],
    ['S39: Nonce not covered', plusHeader(post, 'nonce', nonce), 'component_missing'],
    [
      'S39: Nonce of 11 bytes',
      await craftMessage({ signer, method: 'POST', body, fields: { nonce: 'AAAAAAAAAAAAAAA' } }),
      'nonce_malformed',
    ],
    [
      'S39: Nonce in base64',
      await craftMessage({ signer, method: 'POST', body, fields: { nonce: 'AAAAAAAAAAAAAAAAAA==' } }),
      'nonce_malformed',
    ],
    [
      'S39: Nonce with unused bits',
      await craftMessage({ signer, method: 'POST', body, fields: { nonce: 'AAAAAAAAAAAAAAAAAB' } }),
      'nonce_malformed',
    ],
    [
      'S39: Nonce of 1 KiB',
      await craftMessage({ signer, method: 'POST', body, fields: { nonce: 'A'.repeat(1024) } }),
      'nonce_malformed',
    ],
    ['S39: two Nonce headers', plusHeader(postWithNonce, 'Nonce', nonce), 'nonce_malformed'],
    ['S39: nonce covered, but missing', withHeader(postWithNonce, 'nonce', () => undefined), 'component_forbidden'],
    [
      'S48: a body is added to a signed POST',
      { ...(await craftMessage({ signer, method: 'POST' })), body },
      'component_missing',
    ],
    ['the body of a signed POST is removed', { ...post, body: '' }, 'component_forbidden'],
  ]

  it.each(crafted)('%s', async (_name, message, code) => {
    expect(await refusalCode(() => verify(message, beforeAnyKey))).toBe(code)
  })

  it.each([
    ['S14', await craftMessage({ signer, components: ['@method', '@authority', '@path'] }), ['signature-key']],
    [
      'S15',
      await craftMessage({ signer, target: '/data?a', components: ['@method', '@path', 'signature-key'] }),
      ['@authority', '@query'],
    ],
    ['S19', { ...(await craftMessage({ signer, method: 'POST' })), body }, ['content-type', 'content-digest']],
  ])('%s: required_input names the missing components', async (_name, message, requiredInput) => {
    const refused = await refusal(() => verify(message, beforeAnyKey))
    expect(wireErrorOf(refused.code).signatureError).toBe('invalid_input')
    expect(refused).toMatchObject({
      status: 401,
      requiredInput,
    })
  })

  it('S40: a policy that requires a nonce names it', async () => {
    const options: Options = { ...beforeAnyKey, nonce: 'required' }
    expect(await refusal(() => verify(post, options))).toMatchObject({
      code: 'nonce_missing',
      requiredInput: ['nonce'],
    })
    expect(await verify(get, { nonce: 'required' })).toMatchObject({ method: 'GET' })
    for (const method of ['HEAD', 'OPTIONS'])
      expect(await verify(await craftMessage({ signer, method }), { nonce: 'required' })).toMatchObject({ method })
    expect(await verify(postWithNonce, { nonce: 'required' })).toMatchObject({ method: 'POST' })
  })
})

describe('limits', () => {
  it.each([16, 256])('S39: a Nonce of %i characters is accepted', async (length) => {
    const message = await craftMessage({ signer, method: 'POST', body, fields: { nonce: 'A'.repeat(length) } })
    expect(await verify(message)).toMatchObject({ nonce: { lifetime: 120 } })
  })

  it('a request with 1,000 header lines is accepted, and one with more is rejected', async () => {
    const more = Array.from({ length: 1000 - get.headers.length }, (_, at): [string, string] => [`x-${at}`, 'a'])
    const full = { ...get, headers: [...more, ...get.headers] }
    expect(await verify(full)).toMatchObject({ path: '/data' })
    expect(await refusalCode(() => verify(plusHeader(full, 'x-more', 'a'), beforeAnyKey))).toBe('headers_too_large')
  })

  it('a Host of 1,024 characters is accepted, and a longer one is rejected', async () => {
    const sentTo = (length: number) => withHeader(get, 'host', () => 'a'.repeat(length))
    expect(await verify(sentTo(1024))).toMatchObject({ authority: 'resource.example' })
    expect(await refusalCode(() => verify(sentTo(1025), beforeAnyKey))).toBe('host_malformed')
  })

  it.each(['resource.example, resource.example', 'resource.example/', 'user@resource.example', '[::1', 'a:b'])(
    'the Host %j, which is not a host with an optional port, is rejected',
    async (host) => {
      const message = withHeader(get, 'host', () => host)
      expect(await refusalCode(() => verify(message, beforeAnyKey))).toBe('host_malformed')
    },
  )

  it.each([
    [61, 'created is 61 s ahead of this server’s clock; at most 60 s are allowed.'],
    [-61, 'created is 61 s behind this server’s clock; at most 60 s are allowed.'],
  ])('S10: the refusal of a signature created %i s from now says how far off it is', async (offset, message) => {
    const crafted = await craftMessage({ signer, created: now + offset })
    await expect(verify(crafted, beforeAnyKey)).rejects.toThrow(message)
  })
})

describe('S10: the window', () => {
  it.each([-60, -59, 59, 60])('created %i s from now is accepted', async (offset) => {
    expect(await verify(await craftMessage({ signer, created: now + offset }))).toMatchObject({ created: now + offset })
  })
})

describe('rejected because of the signature', async () => {
  it.each<[string, CraftedMessage]>([
    [
      'S12: created changed',
      withHeader(get, 'signature-input', (value) => value.replace(String(now), String(now + 1))),
    ],
    ['S12: a parameter added', withHeader(get, 'signature-input', (value) => `${value};keyid="a"`)],
    [
      'S12: a parameter removed',
      withHeader(await craftMessage({ signer, parameters: ';keyid="a"' }), 'signature-input', (value) =>
        value.replace(';keyid="a"', ''),
      ),
    ],
    [
      'the covered components in a different order',
      withHeader(get, 'signature-input', (value) => value.replace('"@method" "@authority"', '"@authority" "@method"')),
    ],
    ['S16: the query changed', { ...getWithQuery, target: '/data?a=2' }],
    ['S25: another method', { ...get, method: 'DELETE' }],
    ['the method in lowercase', { ...get, method: 'get' }],
    ['S25: another path', { ...get, target: '/other' }],
    ['S28: the path in a different case', { ...get, target: '/Data' }],
    ['S28: an extra trailing slash', { ...get, target: '/data/' }],
    ['S28: an extra leading slash', { ...get, target: '//data' }],
    ['S28: percent-encoding', { ...get, target: '/%64ata' }],
    [
      'S29: the path without its mount point',
      await craftMessage({ signer, target: '/api/data' }).then((message) => ({ ...message, target: '/data' })),
    ],
    [
      'S26: signed for the host that it was sent to, which is not ours',
      await craftMessage({ signer, authority: 'evil.example' }),
    ],
    [
      'S26: the same with X-Forwarded-Host and Forwarded',
      plusHeader(
        plusHeader(await craftMessage({ signer, authority: 'evil.example' }), 'x-forwarded-host', 'evil.example'),
        'forwarded',
        'host=evil.example',
      ),
    ],
    ['signed for our host with a port', await craftMessage({ signer, authority: 'resource.example:8443' })],
    [
      'S35: a base without @signature-params, with a line feed',
      await craftMessage({ signer, rewriteBase: (base) => base.replace(/"@signature-params".*$/, '') }),
    ],
    [
      'S35: a base without @signature-params',
      await craftMessage({ signer, rewriteBase: (base) => base.replace(/\n"@signature-params".*$/, '') }),
    ],
    ['S35: a line feed after the base', await craftMessage({ signer, rewriteBase: (base) => `${base}\n` })],
    [
      'S36: the key reference in a different order',
      withHeader(get, 'signature-key', (value) => value.replace(/(crv="[^"]*") (x="[^"]*")/, '$2 $1')),
    ],
    ['another content type', withHeader(post, 'content-type', () => 'text/html')],
    [
      'another digest that also matches the body',
      { ...withHeader(post, 'content-digest', () => digestOf('{}')), body: '{}' },
    ],
    ['a 63-byte signature', withHeader(get, 'signature', () => `sig1=:${Buffer.alloc(63).toString('base64')}:`)],
    [
      'a signature of 64 zero bytes',
      withHeader(get, 'signature', () => `sig1=:${Buffer.alloc(64).toString('base64')}:`),
    ],
  ])('%s', async (_name, message) => {
    expect(await refusalCode(() => verify(message))).toBe('signature_mismatch')
  })

  it('S36: a reference with different spacing or quoting is invalid', async () => {
    for (const change of [
      (value: string) => value.replace(' x=', '  x='),
      (value: string) => value.replaceAll('"', "'"),
    ]) {
      expect(await refusalCode(() => verify(withHeader(get, 'signature-key', change)))).toBe('signature_malformed')
    }
  })

  it('a signature with any one bit changed', async () => {
    const bytes = Buffer.from(headerValue(get, 'signature').slice(6, -1), 'base64')
    for (let bit = 0; bit < 512; bit += 37) {
      const changed = Buffer.from(bytes)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const message = withHeader(get, 'signature', () => `sig1=:${changed.toString('base64')}:`)
      expect(await refusalCode(() => verify(message))).toBe('signature_mismatch')
    }
  })

  it('T15: the signature of another key', async () => {
    const other = await createSigner(await generatePrivateJwk())
    const message = withHeader(await craftMessage({ signer: other }), 'signature-key', () =>
      headerValue(get, 'signature-key'),
    )
    expect(await refusalCode(() => verify(message))).toBe('signature_mismatch')
  })
})

describe('digests', async () => {
  const covered = ['@method', '@authority', '@path', 'content-type', 'content-digest', 'signature-key']
  it.each([
    ['S21: the body changed', { ...post, body: '{"action":"delete"}' }, 'digest_mismatch'],
    [
      'S23: only md5',
      await craftMessage({
        signer,
        method: 'POST',
        body,
        fields: { 'content-digest': 'md5=:AAAAAAAAAAAAAAAAAAAAAA==:' },
        components: covered,
      }),
      'digest_malformed',
    ],
    [
      'S23: only an unknown algorithm',
      await craftMessage({
        signer,
        method: 'POST',
        body,
        fields: { 'content-digest': 'sha-3=:AAAA:' },
        components: covered,
      }),
      'digest_malformed',
    ],
  ])('%s', async (_name, message, code) => {
    expect(await refusalCode(() => verify(message))).toBe(code)
  })

  it('all lines of the field count', async () => {
    const message = await craftMessage({
      signer,
      method: 'POST',
      body,
      fields: { 'content-digest': `${digestOf(body)}, sha-512=:AAAA:` },
      components: covered,
    })
    const split: CraftedMessage = {
      ...message,
      headers: message.headers.flatMap(([name, value]): [string, string][] =>
        name === 'content-digest' ? value.split(', ').map((line): [string, string] => [name, line]) : [[name, value]],
      ),
    }
    expect(await refusalCode(() => verify(split))).toBe('digest_mismatch')
  })

  it('W6: a body that is not covered is accepted only with the option', async () => {
    const bare = { ...(await craftMessage({ signer, method: 'POST' })), body }
    expect(await verify(bare, { body: 'if-covered' })).toMatchObject({ method: 'POST' })
    expect(await refusalCode(() => verify({ ...post, body: '{}' }, { body: 'if-covered' }))).toBe('digest_mismatch')
  })

  it('reads the body of a message with maxBody as the limit', async () => {
    const limits: number[] = []
    const message = { ...receivedMessage(post), body: async (limit: number) => new Uint8Array(limits.push(limit)) }
    const options = {
      authorities: ['resource.example'] as const,
      now: () => now,
      resolveKey,
      profile: january.signing,
      claimNonce: 'later' as const,
      maxBody: 5,
    }
    await verifySignature(message, options).catch(() => undefined)
    expect(limits).toEqual([5])
  })
})

describe('authorities', () => {
  const authorities = ['resource.example', 'api.resource.example:8443'] as const
  it('the Host selects one of the configured authorities', async () => {
    const second = await craftMessage({ signer, authority: 'api.resource.example:8443' })
    expect(await verify(second, { authorities })).toMatchObject({ authority: 'api.resource.example:8443' })
    const upper = withHeader(second, 'host', (value) => value.toUpperCase())
    expect(await verify(upper, { authorities })).toMatchObject({ authority: 'api.resource.example:8443' })
  })

  it('a Host that is missing or not configured selects the first authority', async () => {
    for (const change of [() => 'proxy.internal', () => undefined]) {
      expect(await verify(withHeader(get, 'host', change), { authorities })).toMatchObject({
        authority: 'resource.example',
      })
    }
  })
})

describe('algorithms', () => {
  it.each(['none', 'hmac-sha256', 'rsa-v1_5-sha256', 'ecdsa-p256-sha256', 'ED25519', 'EdDSA'])(
    'S31: alg="%s" with an Ed25519 key',
    async (alg) => {
      const message = await craftMessage({ signer, parameters: `;alg="${alg}"` })
      expect(await refusalCode(() => verify(message))).toBe('algorithm_mismatch')
    },
  )

  it('S32: rejects an algorithm that is not accepted, and names the accepted ones', async () => {
    expect(wireErrorOf('algorithm_unsupported').signatureError).toBe('unsupported_algorithm')
    const message = await craftMessage({ signer: ecdsaSigner })
    expect(await refusal(() => verify(message, { algorithms: ['ed25519'] }))).toMatchObject({
      code: 'algorithm_unsupported',
      algorithms: ['ed25519'],
    })
  })

  it('S35b: base64url without padding is accepted', async () => {
    const message = withHeader(get, 'signature', (value) =>
      value.replaceAll('+', '-').replaceAll('/', '_').replaceAll('==', ''),
    )
    expect(headerValue(message, 'signature')).not.toBe(headerValue(get, 'signature'))
    expect(await verify(message)).toMatchObject({ path: '/data' })
  })
})

describe('nonces', () => {
  const once = (): Options => ({ claimNonce: createMemoryNonces({ now: () => now }) })

  it('S41: the same nonce again', async () => {
    const options = once()
    expect(await verify(postWithNonce, options)).toMatchObject({ method: 'POST' })
    expect(await refusalCode(() => verify(postWithNonce, options))).toBe('nonce_replayed')
  })

  it('S42: the same nonce with another key, or at another authority', async () => {
    const options = once()
    await verify(postWithNonce, options)
    const otherKey = await craftMessage({ signer: ecdsaSigner, method: 'POST', body, fields: { nonce } })
    expect(await verify(otherKey, options)).toMatchObject({ method: 'POST' })
    const elsewhere = await craftMessage({
      signer,
      method: 'POST',
      body,
      fields: { nonce },
      authority: 'other.example',
    })
    expect(await verify(elsewhere, { ...options, authorities: ['other.example'] })).toMatchObject({ method: 'POST' })
  })

  it('S43: one of 50 parallel copies is accepted', async () => {
    const options = once()
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => verify(postWithNonce, options)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('a nonce is claimed only after signature and digest are verified', async () => {
    const options = once()
    const forged = withHeader(postWithNonce, 'signature', () => `sig1=:${Buffer.alloc(64).toString('base64')}:`)
    expect(await refusalCode(() => verify(forged, options))).toBe('signature_mismatch')
    expect(await refusalCode(() => verify({ ...postWithNonce, body: '{}' }, options))).toBe('digest_mismatch')
    expect(await verify(postWithNonce, options)).toMatchObject({ method: 'POST' })
  })

  it('S50: a nonce is stored for as long as created is acceptable', async () => {
    let time = now
    const options: Options = { now: () => time, claimNonce: createMemoryNonces({ now: () => time }) }
    const ahead = await craftMessage({ signer, method: 'POST', body, fields: { nonce }, created: now + 59 })
    await verify(ahead, options)
    for (time of [now + 1, now + 60, now + 100, now + 119]) {
      expect(await refusalCode(() => verify(ahead, options))).toBe('nonce_replayed')
    }
    time = now + 120
    expect(await refusalCode(() => verify(ahead, options))).toBe('signature_created_outside_window')
  })

  it('S50: a copy whose body arrives when nonces are no longer stored is refused', async () => {
    let time = now
    const options: Options = { now: () => time, claimNonce: createMemoryNonces({ now: () => time }) }
    const arriving = (at: number) => {
      const message = receivedMessage(postWithNonce)
      const slow = async (most: number) => {
        time = at
        return message.body(most)
      }
      return verifySignature({ ...message, body: slow }, { profile, authorities, resolveKey, ...options } as never)
    }
    const { signing: profile } = january
    const authorities = ['resource.example']
    await arriving(now + 90)
    for (const at of [now + 60, now + 90, now + 91, now + 121, now + 300]) {
      time = now + 59
      const refused = at > now + 90 ? 'signature_created_outside_window' : 'nonce_replayed'
      expect(await refusalCode(() => arriving(at))).toBe(refused)
    }
  })

  it('S50: a nonce is claimed before an upload, however long that takes', async () => {
    let time = now
    const claimNonce = createMemoryNonces({ now: () => time })
    let taken = 0
    const upload = {
      isAnnounced: true,
      async take() {
        taken++
        time += 300
      },
    }
    const verifyUpload = () =>
      verifySignature({ ...receivedMessage(postWithNonce), upload }, {
        profile: january.signing,
        authorities: ['resource.example'],
        now: () => time,
        resolveKey,
        claimNonce,
      } as never)
    await verifyUpload()
    time = now + 59
    expect(await refusalCode(verifyUpload)).toBe('nonce_replayed')
    expect(taken).toBe(1)
  })

  it('with claimNonce later, returns the claim to make, with a separate key for each authority, key and nonce', async () => {
    const { nonce: claimed } = await verify(postWithNonce)
    expect(claimed).toEqual({ key: expect.stringMatching(/^[\w-]{43}$/), lifetime: 120 })
    expect((await verify(postWithNonce)).nonce).toEqual(claimed)
    expect((await verify(post)).nonce).toBeUndefined()
    const claimNonce = createMemoryNonces({ now: () => now })
    const owner = { thumbprint: signer.thumbprint, remoteAddress: undefined }
    await requireUnusedNonce(claimNonce, claimed, owner)
    expect(await refusalCode(() => requireUnusedNonce(claimNonce, claimed, owner))).toBe('nonce_replayed')
    await requireUnusedNonce(claimNonce, undefined, owner)
  })

  it('a nonce is claimed with its signer and network of origin', async () => {
    const claims: NonceClaim[] = []
    const claimNonce = (claim: NonceClaim) => claims.push(claim) > 0
    await verify(postWithNonce, { claimNonce })
    const named = async (reference: KeyReference) => ({
      ...(await resolveKey(reference)),
      agent: 'https://agent.example',
    })
    await verify(postWithNonce, { claimNonce, resolveKey: named })
    expect(claims.map(({ source }) => source)).toEqual([
      { agent: undefined, thumbprint: signer.thumbprint, network: 'unknown' },
      { agent: 'https://agent.example', thumbprint: signer.thumbprint, network: 'unknown' },
    ])
    expect(nonceSource({ thumbprint: 'a', remoteAddress: '192.0.2.77' }).network).toBe('192.0.2')
    expect(nonceSource({ thumbprint: 'a', remoteAddress: '2001:db8:1:2::3' }).network).toBe('2001:db8:1')
  })
})

function receivedHeaders(headers: readonly (readonly [string, string])[]): CraftedMessage {
  return { method: 'GET', target: '/data', body: '', headers }
}

function relabelled(value: string): string {
  return value.replace('sig1=', 'sig=')
}

function doubled(value: string): string {
  return `${value}, ${value.replace('sig1=', 'sig2=')}`
}

function headerValue(message: CraftedMessage, name: string): string {
  return message.headers.find(([candidate]) => candidate === name)?.[1] ?? ''
}
