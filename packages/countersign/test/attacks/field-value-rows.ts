import { constants, createHash, generateKeyPairSync, sign } from 'node:crypto'
import { createSigner, type PrivateJwk } from 'countersign'
import { expect } from 'vitest'
import { plusHeader, requiredComponents, withHeader } from '../httpsig/crafted-message.js'
import type { Case, Message, Outcome, Row } from './attack.js'
import { withSignature } from './covered-parts-rows.js'
import {
  accepted,
  badInput,
  badKey,
  badRequest,
  headerChanged,
  lacks,
  type Parts,
  passes,
  refused,
  refusedUnasked,
  resigned,
  tampered,
} from './crafted-cases.js'
import { isNode24 } from './is-node-24.js'
import { signers } from './parties.js'

const get = requiredComponents(false, false, false)
const body = '{"action":"update"}'
const post: Parts = { method: 'POST', body }
const ownKey: Parts = { signatureKey: 'own key' }
const ownEcdsa: Parts = { ...ownKey, signer: signers.ecdsa }

const digest = (algorithm: 'sha256' | 'sha512', of = body) => createHash(algorithm).update(of).digest('base64')
const right = `sha-256=:${digest('sha256')}:`
/** The same bytes, for a parser that ignores unused padding bits. */
const withUnusedBits = (member: string) =>
  member.replace(/.(?==:$)/, (last) => String.fromCharCode(last.charCodeAt(0) + 1))
const wrong = `sha-256=:${digest('sha256', '{}')}:`

function onTheWire(claim: string, raw: (bytes: string) => string, expected: Outcome, base: Parts = {}): Case {
  return tampered(claim, (sent) => ({ ...sent, raw }), expected, { base, on: 'http' })
}

/** Enough header lines that Node drops those after them. */
const manyLines = (count: number) => Array.from({ length: count }, () => ['x', ''] as const)

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const rsaSigner = await createSigner({ ...(rsa.privateKey.export({ format: 'jwk' }) as PrivateJwk), kid: 'rsa-key-1' })
const modulus = Buffer.from(rsaSigner.jwk.n ?? '', 'base64url')

/** A signature by the RSA key that deviates from RFC 9421 §3.3.1. */
const rsaWith = (saltLength: number | 'PKCS #1', hash = 'sha512'): Parts => ({
  ...ownKey,
  signer: {
    ...rsaSigner,
    sign: (data) => {
      const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data
      if (saltLength === 'PKCS #1') return sign(hash, bytes, rsa.privateKey)
      return sign(hash, bytes, { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength })
    },
  },
})

const rsaKey = (claim: string, n: Uint8Array, e = 'AQAB'): Case =>
  headerChanged(
    claim,
    'signature-key',
    () => `sig1=(scheme=hwk kty="RSA" n="${Buffer.from(n).toString('base64url')}" e="${e}")`,
    badKey,
  )

const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
const zeros = Buffer.alloc(32)

const severalAuthorities: Pick<Case, 'options'> = {
  options: { authorities: ['resource.example', 'api.example', '[::1]:8443'] },
}

const covering = (fields: Readonly<Record<string, string>>): Parts => ({
  fields,
  components: [...get, ...Object.keys(fields)],
})

/** Cases about bytes, fields and keys. */
export const fieldValueRows: readonly Row[] = [
  {
    id: 'S+ lifetime',
    given: 'signature parameters that contradict each other, or were added later (RFC 9421 §2.3)',
    cases: [
      resigned(
        'expires before created',
        ({ clock }) => ({ created: clock.now + 50, parameters: `;expires=${clock.now + 40}` }),
        refusedUnasked,
      ),
      passes('expires with created', ({ clock }) => ({
        created: clock.now + 9,
        parameters: `;expires=${clock.now + 9}`,
      })),
      ...['tag="a"', 'expires=99999999999', 'alg="ed25519"', 'keyid="a"', 'a'].map((parameter) =>
        headerChanged(`${parameter} added in transit`, 'signature-input', (value) => `${value};${parameter}`, refused),
      ),
      headerChanged(
        'components in a different order',
        'signature-input',
        (value) => value.replace('"@method" "@authority"', '"@authority" "@method"'),
        refused,
      ),
      ...['x=?1', 'x=1.5', 'x=-0', 'x=00', 'x=+1', 'x="a', 'x=@1', '1x', 'X', 'expires=?1'].map((parameter) =>
        resigned(`;${parameter}`, { parameters: `;${parameter}` }, refusedUnasked),
      ),
      passes('unknown parameters', { parameters: ';x;y=?0;z=tok/b:c;*a=-1;b="";c=12' }),
    ],
  },
  {
    id: 'S+ twice',
    given: 'a Content-Digest with several members (RFC 9530 §2, RFC 8941 §3.2)',
    cases: [
      ...(
        [
          ['a duplicate algorithm, the last correct', `${wrong}, ${right}`, refused],
          ['a duplicate algorithm, the first correct', `${right}, ${wrong}`, refused],
          ['a duplicate algorithm, both correct', `${right},${right}`, refused],
          ['a duplicate unknown algorithm', `a=:AA==:, ${right}, a=:AA==:`, refused],
          ['two correct digests', `${right}, sha-512=:${digest('sha512')}:`, accepted],
          ['the second digest wrong', `${right}, sha-512=:${digest('sha512', '{}')}:`, refused],
          ['a wrong digest of a known weak algorithm', `md5=:AAAA:, ${right}`, accepted],
          ['a parameter with a comma', `${right};a="b, c"`, accepted],
          ['spaces around the comma', `${right} \t,\t sha-512=:${digest('sha512')}:`, accepted],
          ['the second without padding', `${right}, sha-512=:${digest('sha512').replace(/=+$/, '')}:`, refused],
          ['the second with unused bits', `sha-512=:${digest('sha512')}:, ${withUnusedBits(right)}`, refused],
          ['half of the bytes', `sha-256=:${digest('sha256').slice(0, 20)}:`, refused],
          ['in an inner list', `sha-256=(:${digest('sha256')}:)`, refused],
        ] as const
      ).map(([claim, value, expected]) =>
        resigned(claim, { ...post, fields: { 'content-digest': value } }, expected, { base: post }),
      ),
      tampered('a second line', (sent) => plusHeader(sent, 'content-digest', right), refused, { base: post }),
    ],
  },
  {
    id: 'S+ values',
    parsed: true,
    given: 'covered fields that are empty, or that a proxy rewrote (RFC 9421 §2.1)',
    cases: [
      passes('an empty field', covering({ 'x-a': '' })),
      tampered('an empty field removed', (sent) => withHeader(sent, 'x-a', () => undefined), badInput, {
        base: covering({ 'x-a': '' }),
      }),
      tampered('an empty field twice', (sent) => plusHeader(sent, 'x-a', ''), refused, {
        base: covering({ 'x-a': '' }),
      }),
      tampered('a Latin-1 letter', (sent) => withHeader(sent, 'x-a', () => 'caf\u00e9'), badInput, {
        base: covering({ 'x-a': 'cafe' }),
      }),
      tampered('one space instead of two', (sent) => withHeader(sent, 'x-a', () => 'a b'), refused, {
        base: covering({ 'x-a': 'a  b' }),
      }),
      tampered(
        'a cookie split',
        (sent) =>
          plusHeader(
            withHeader(sent, 'cookie', () => 'a=1'),
            'cookie',
            'b=2',
          ),
        refused,
        { base: covering({ cookie: 'a=1; b=2' }) },
      ),
      tampered('Content-Type removed', (sent) => withHeader(sent, 'content-type', () => undefined), badInput, {
        base: post,
      }),
      passes('Content-Type without a body, not covered', { fields: { 'content-type': 'text/plain' } }),
    ],
  },
  {
    id: 'S+ lines',
    parsed: true,
    given: 'more header lines than a server accepts',
    cases: [
      ...(['signature', 'host', 'content-type'] as const).map((name) =>
        tampered(
          `a second ${name} behind 2,000`,
          (sent) => ({ ...sent, headers: [...sent.headers, ...manyLines(2000), [name, 'a'] as const] }),
          // Since Node 24, the parser rejects that many itself.
          {
            status: 431,
            error: 'invalid_request',
            unasked: 'any',
            ...(isNode24 ? { overHttp: { status: 431 } } : {}),
          },
          { base: post },
        ),
      ),
      tampered('900 are read', (sent) => ({ ...sent, headers: [...manyLines(900), ...sent.headers] }), accepted),
    ],
  },
  {
    id: 'S+ framing',
    parsed: true,
    given: 'framing and method edge cases (RFC 9112 §6, 7; RFC 9110 §9.3)',
    cases: [
      onTheWire(
        'a digest in the trailer is ignored',
        (bytes) =>
          bytes.replace(
            'connection: close\r\n\r\n',
            'transfer-encoding: chunked\r\nconnection: close\r\n\r\n2\r\n{}\r\n0\r\ncontent-digest: sha-256=:AAAA:\r\n\r\n',
          ),
        lacks('content-type', 'content-digest'),
        { method: 'POST' },
      ),
      onTheWire(
        'chunked, with an empty body',
        (bytes) =>
          bytes.replace(
            'connection: close\r\n\r\n',
            'transfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\n\r\n',
          ),
        accepted,
        { method: 'POST' },
      ),
      onTheWire(
        'Content-Length: 0',
        (bytes) => bytes.replace('connection:', 'content-length: 0\r\nconnection:'),
        accepted,
      ),
      ...['-1', '+0', '0x0', '1, 1'].map((length) =>
        onTheWire(
          `Content-Length: ${length}`,
          (bytes) => bytes.replace('connection:', `content-length: ${length}\r\nconnection:`),
          { status: 400 },
          { method: 'POST' },
        ),
      ),
      onTheWire(
        'OPTIONS *',
        (bytes) => bytes.replace('/data', '*'),
        { status: 400, error: 'invalid_request' },
        {
          method: 'OPTIONS',
        },
      ),
      onTheWire('TRACE', (bytes) => bytes.replace(/^GET/, 'TRACE'), {
        status: 405,
        error: 'invalid_request',
        also: (_stage, { headers }) => expect(headers.get('allow')).toContain('GET'),
      }),
      onTheWire('M-SEARCH', (bytes) => bytes.replace(/^GET/, 'M-SEARCH'), refused),
      tampered('one zero byte after the body', (sent) => ({ ...sent, body: `${String(sent.body)}\0` }), refused, {
        base: post,
      }),
    ],
  },
  {
    id: 'S+ query',
    parsed: true,
    given: 'query edge cases (RFC 9421 §2.2.7)',
    cases: [
      ...['/data??', '/data?%00', '/data?../..', '/data?a[]=1', '/data?{}', '/data%zz', '/data/%2f/', '/data/..a'].map(
        (target) => passes(target, { target }),
      ),
      ...['/data?"', "/data?a'b", '/a{b}', '/data/..', '/%2E', '/data/%2e?x'].map((target) =>
        resigned(target, { target }, badRequest),
      ),
      tampered('? removed', (sent) => ({ ...sent, target: '/data' }), badInput, { base: { target: '/data?' } }),
      tampered('?? to ?', (sent) => ({ ...sent, target: '/data?' }), refused, { base: { target: '/data??' } }),
      tampered('%26 to &', (sent) => ({ ...sent, target: '/data?a=1&b' }), refused, {
        base: { target: '/data?a=1%26b' },
      }),
      tampered('%c3 to %C3', (sent) => ({ ...sent, target: '/data?%C3' }), refused, { base: { target: '/data?%c3' } }),
    ],
  },
  {
    id: 'S+ authorities',
    parsed: true,
    given: 'a resource with several authorities (S§10.3.1)',
    cases: [
      ...['api.example', '[::1]:8443'].map((authority) => passes(authority, { authority }, severalAuthorities)),
      ...['api.example:443', 'API.example:80', 'api.example:'].map((host) =>
        tampered(
          `Host ${host}, which is equivalent to the second`,
          (sent) => withHeader(sent, 'host', () => host),
          accepted,
          {
            ...severalAuthorities,
            base: { authority: 'api.example' },
          },
        ),
      ),
      ...[
        'resource.example, evil.example',
        'resource.example evil.example',
        'user@resource.example',
        'https://resource.example',
        'resource.example/',
        'resource.example:80:80',
        'resource.example:a',
        '[::1',
        'resource.example?',
        'r\u00e9source.example',
      ].map((host) =>
        tampered(
          `Host ${host}, which is invalid (RFC 9112 §3.2)`,
          (sent) => withHeader(sent, 'host', () => host),
          badRequest,
        ),
      ),
      ...['[::1]:8443', '10.0.0.5:3000', 'my_service', ''].map((host) =>
        tampered(`Host ${host}, as a proxy may write it`, (sent) => withHeader(sent, 'host', () => host), {
          ...accepted,
          ...(host === '' ? { overHttp2: { status: 400 } } : {}),
        }),
      ),
      tampered('Host api.example:8443', (sent) => withHeader(sent, 'host', () => 'api.example:8443'), refused, {
        ...severalAuthorities,
        base: { authority: 'api.example' },
      }),
      resigned('signed for the second, sent to the first', { authority: 'api.example' }, refused, {
        ...severalAuthorities,
        afterwards: (sent) => withHeader(sent, 'host', () => 'resource.example'),
      }),
      resigned('without its port', { authority: '[::1]' }, refused, {
        ...severalAuthorities,
        afterwards: (sent) => withHeader(sent, 'host', () => '[::1]:8443'),
      }),
    ],
  },
  {
    id: 'S+ numbers',
    given: 'signatures and keys with invalid numbers (FIPS 186-5, RFC 8017, RFC 8032)',
    cases: [
      ...(
        [
          ['r = 0', (bytes: Buffer) => Buffer.concat([zeros, bytes.subarray(32)])],
          ['s = 0', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 32), zeros])],
          ['r = n', (bytes: Buffer) => Buffer.concat([order, bytes.subarray(32)])],
          ['s = n', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 32), order])],
          ['r and s swapped', (bytes: Buffer) => Buffer.concat([bytes.subarray(32), bytes.subarray(0, 32)])],
        ] as const
      ).map(([claim, change]) =>
        tampered(`ECDSA with ${claim}`, (sent: Message) => withSignature(sent, change), refused, { base: ownEcdsa }),
      ),
      ...[`01${'00'.repeat(31)}`, `ee${'ff'.repeat(30)}7f`].map((hex) =>
        tampered(
          `Ed25519 with R = ${hex.slice(0, 4)}…`,
          (sent) => withSignature(sent, (bytes) => Buffer.concat([Buffer.from(hex, 'hex'), bytes.subarray(32)])),
          refused,
        ),
      ),
      passes('RSA-PSS with a 64-byte salt', { ...ownKey, signer: rsaSigner }),
      ...[0, 32, 63, 65].map((length) => resigned(`RSA-PSS with a ${length}-byte salt`, rsaWith(length), refused)),
      resigned('RSA-PSS with SHA-256', rsaWith(64, 'sha256'), refused),
      resigned('RSA with PKCS #1 v1.5 padding', rsaWith('PKCS #1'), refused),
      rsaKey('a 2047-bit modulus', Buffer.from([(modulus[0] as number) & 0x7f, ...modulus.subarray(1)])),
      rsaKey('an even modulus', Buffer.from([...modulus.subarray(0, -1), (modulus.at(-1) as number) & 0xfe])),
      rsaKey('a modulus with a leading zero', Buffer.from([0, ...modulus])),
      rsaKey('an 8200-bit modulus', Buffer.alloc(1025, 0xff)),
      rsaKey('e = 0', modulus, 'AA'),
      rsaKey('e with a leading zero', modulus, 'AAEAAQ'),
    ],
  },
]
