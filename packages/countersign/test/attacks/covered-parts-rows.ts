import { generateKeyPairSync } from 'node:crypto'
import { expect } from 'vitest'
import { digestOf, plusHeader, requiredComponents, withHeader } from '../httpsig/crafted-message.js'
import type { Message, Outcome, Row } from './attack.js'
import {
  accepted,
  badInput,
  badKey,
  badRequest,
  craft,
  headerChanged,
  headerOf,
  lacks,
  type Parts,
  passes,
  refused,
  refusedUnasked,
  resigned,
  tampered,
} from './crafted-cases.js'
import { signers } from './parties.js'

const get = requiredComponents(false, false, false)
const body = '{"action":"update"}'
const post: Parts = { method: 'POST', body }
const nonce = 'Y3VyaW91c2x5Y3VyaW91cw'
const ownEcdsa: Parts = { signatureKey: 'own key', signer: signers.ecdsa }

/** A handler for a path other than the verified one must not have run. */
const handledAs = (path: string): Outcome => ({ ...accepted, also: ({ handled }) => expect(handled).toEqual([path]) })

/** The message with different bytes in Signature. */
export function withSignature(message: Message, change: (bytes: Buffer) => Uint8Array): Message {
  return withHeader(message, 'signature', (value) => {
    const bytes = Buffer.from(value.slice('sig1=:'.length, -1), 'base64')
    return `sig1=:${Buffer.from(change(bytes)).toString('base64')}:`
  })
}

/** Order of the Ed25519 base point, and of the P-256 one (RFC 8032 §5.1, SEC 2 §2.4.2). */
const orders = {
  ed25519: 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n,
  p256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
}

/** The same Ed25519 signature with S + L instead of S. */
export function withLargeS(signature: Buffer): Buffer {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`)
  const larger = Buffer.from((s + orders.ed25519).toString(16).padStart(64, '0'), 'hex').reverse()
  return Buffer.concat([signature.subarray(0, 32), larger])
}

/** The other ECDSA signature, with n - s instead of s, which verifies as well. */
function withOtherS(signature: Buffer): Buffer {
  const s = BigInt(`0x${signature.subarray(32).toString('hex')}`)
  return Buffer.concat([
    signature.subarray(0, 32),
    Buffer.from((orders.p256 - s).toString(16).padStart(64, '0'), 'hex'),
  ])
}

/** The ECDSA signature in DER, the default of most libraries. */
export function inDer(signature: Buffer): Buffer {
  const integer = (bytes: Buffer) => {
    const positive = Buffer.concat([Buffer.from([0]), bytes])
    return Buffer.concat([Buffer.from([2, positive.length]), positive])
  }
  const content = Buffer.concat([integer(signature.subarray(0, 32)), integer(signature.subarray(32))])
  return Buffer.concat([Buffer.from([0x30, content.length]), content])
}

const smallRsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })

/** y = 2, 7 and 8, for which no x satisfies the Ed25519 equation (RFC 8032 §5.1.3). */
export const notPoints = [2, 7, 8].map((y) => Buffer.from([y, ...Buffer.alloc(31)]).toString('base64url'))

/** Cases about signatures and messages. */
export const coveredPartsRows: readonly Row[] = [
  {
    id: 'S+ authority',
    parsed: true,
    given: 'an authority in another spelling (RFC 9421 §2.2.3)',
    cases: [
      ...[
        'resource.example:443',
        'resource.example:80',
        'RESOURCE.example',
        'resource.example.',
        'resource',
        '',
        'user@resource.example',
      ].map((authority) =>
        resigned(`signed over ${JSON.stringify(authority)}`, { authority }, refused, {
          afterwards: (sent) => withHeader(sent, 'host', () => 'resource.example'),
        }),
      ),
      headerChanged('Host in uppercase means the same', 'host', (value) => value.toUpperCase(), accepted),
      resigned('signed for one of our ports, sent to another', { authority: 'resource.example:8443' }, refused, {
        options: { authorities: ['resource.example', 'resource.example:8443'] },
        afterwards: (sent) => withHeader(sent, 'host', () => 'resource.example'),
      }),
      resigned(
        'host covered instead of @authority',
        { fields: { host: 'resource.example' }, components: ['@method', 'host', '@path', 'signature-key'] },
        lacks('@authority'),
        {
          afterwards: (sent) => ({ ...sent, headers: sent.headers.slice(1) }),
        },
      ),
    ],
  },
  {
    id: 'S+ target',
    parsed: true,
    given: 'an equivalent target in another spelling (RFC 9421 §2.2.6, 2.2.7)',
    cases: [
      tampered('percent-encoding in lowercase', (sent) => ({ ...sent, target: '/data%c3%a9' }), refused, {
        base: { target: '/data%C3%A9' },
      }),
      tampered('%20 as +', (sent) => ({ ...sent, target: '/data?a=b+c' }), refused, {
        base: { target: '/data?a=b%20c' },
      }),
      tampered('parameters in a different order', (sent) => ({ ...sent, target: '/data?b=2&a=1' }), refused, {
        base: { target: '/data?a=1&b=2' },
      }),
      tampered('a parameter twice', (sent) => ({ ...sent, target: '/data?a=1&a=1' }), refused, {
        base: { target: '/data?a=1' },
      }),
      tampered('a trailing &', (sent) => ({ ...sent, target: '/data?a=1&' }), refused, {
        base: { target: '/data?a=1' },
      }),
      passes('two question marks', { target: '/data?a?b' }),
      ...['/data%00', '/data%2f..%2fadmin', '/data;a=1', '/data%0d%0aa:b', '/data/'].map((target) =>
        resigned(`${target} is a different path`, { target }, handledAs(target)),
      ),
      ...['*', '', 'data', '/da ta', '/d\u00e9', '/data\t', '/a<b>', '/a"b'].map((target) =>
        tampered(`target ${JSON.stringify(target)}`, (sent) => ({ ...sent, target }), {
          ...badRequest,
          ...(/^[\x21-\x7e]+$/.test(target) && target !== 'data' ? {} : { overHttp: { status: 400 } }),
        }),
      ),
      tampered('a target of 9,000 characters', (sent) => ({ ...sent, target: `/${'a'.repeat(9000)}` }), badRequest),
    ],
  },
  {
    id: 'S+ method',
    parsed: true,
    given: 'a method other than the signed one (RFC 9421 §7.2.2)',
    cases: [
      tampered('HEAD as GET', (sent) => ({ ...sent, method: 'GET' }), refused, { base: { method: 'HEAD' } }),
      tampered('GET in lowercase', (sent) => ({ ...sent, method: 'get' }), {
        ...refused,
        overHttp: { status: 400 },
        overHttp2: badRequest,
      }),
      tampered('GET as PROPFIND', (sent) => ({ ...sent, method: 'PROPFIND' }), refused),
      tampered('_method in the query', (sent) => ({ ...sent, target: '/data?_method=DELETE' }), lacks('@query')),
    ],
  },
  {
    id: 'S+ parameters',
    given: 'signature parameters at their limits (RFC 9421 §2.3)',
    cases: [
      resigned(
        'created a day ahead, with expires after it',
        ({ clock }) => ({ created: clock.now + 86_400, parameters: `;expires=${clock.now + 90_000}` }),
        refusedUnasked,
      ),
      resigned(
        'created a day ago, not yet expired',
        ({ clock }) => ({ created: clock.now - 86_400, parameters: `;expires=${clock.now + 60}` }),
        refusedUnasked,
      ),
      ...[0, 1].map((seconds) =>
        resigned(
          `expired ${seconds} s ago`,
          ({ clock }) => ({ parameters: `;expires=${clock.now - seconds}` }),
          refusedUnasked,
        ),
      ),
      ...[
        'expires="1900000000"',
        'expires=1900000000.0',
        'expires=-1',
        'expires',
        'alg=ed25519',
        'alg',
        'keyid=1',
        'nonce=a',
        'tag=1',
        'Tag="a"',
        'tag="a";tag="a"',
        'tag="é"',
        'a=99999999999999999999',
        'a=:AAAA:',
        'a=(1)',
      ].map((parameter) => resigned(parameter, { parameters: `;${parameter}` }, refusedUnasked)),
      headerChanged(
        'created = -0',
        'signature-input',
        (value) => value.replace(/created=\d+/, 'created=-0'),
        refusedUnasked,
      ),
      headerChanged(
        'created = 1e9',
        'signature-input',
        (value) => value.replace(/created=\d+/, 'created=1e9'),
        refusedUnasked,
      ),
      resigned(
        'a nonce among the parameters is ignored',
        { ...post, fields: {}, parameters: `;nonce="${nonce}"` },
        lacks('nonce'),
        {
          base: { ...post, fields: { nonce } },
          options: { nonce: 'required' },
        },
      ),
      passes('a keyid, which has no effect', { parameters: ';keyid="another"' }),
    ],
  },
  {
    id: 'S51',
    given: 'a valid signature with a tag, which names another protocol (RFC 9421 §2.3)',
    cases: ['tag="web-bot-auth"', 'tag=""', 'x="";tag="aauth"', 'tag="a";alg="ed25519"'].map((parameter) =>
      resigned(parameter, { parameters: `;${parameter}` }, refusedUnasked),
    ),
  },
  {
    id: 'S+ fields',
    given: 'structured fields in another serialization (RFC 8941 §4.1)',
    cases: [
      ...(
        [
          ['a space after =', /=\(/, '= ('],
          ['two spaces between components', '" "', '"  "'],
          ['a tab between components', '" "', '"\t"'],
          ['a space at the start of the list', '("', '( "'],
          ['a space at the end of the list', '")', '" )'],
          ['a space before the parameters', ');', ') ;'],
          ['a space after ;', ');', '); '],
          ['a trailing comma', /$/, ','],
          ['a second member without value', /$/, ', a'],
          ['tokens instead of strings', '"@method"', '@method'],
          ['an escaped character', '@method', '\\@method'],
          ['an uppercase label', 'sig1', 'SIG1'],
          ['must be a list', /\([^)]*\)/, '"@method"'],
          ['33 components', '("', `(${Array.from({ length: 33 }, (_, i) => `"x-${i}"`).join(' ')} "`],
        ] as const
      ).map(([claim, found, instead]) =>
        headerChanged(
          `Signature-Input: ${claim}`,
          'signature-input',
          (value) => value.replace(found, instead),
          refusedUnasked,
        ),
      ),
      ...(
        [
          ['parameters', /$/, ';a=1'],
          ['a trailing comma', /$/, ','],
          ['a string', /:(.*):/, '"$1"'],
          ['a token', /:(.*):/, 'a'],
          ['not a byte sequence', /:(.*):/, '::'],
          ['a space in the bytes', /=:/, '=: '],
          ['a list', /:(.*):/, '(:$1:)'],
          ['extra padding', /==:$/, '====:'],
          ['a true flag', /=.*$/, ''],
        ] as const
      ).map(([claim, found, instead]) =>
        headerChanged(`Signature: ${claim}`, 'signature', (value) => value.replace(found, instead), refusedUnasked),
      ),
    ],
  },
  {
    id: 'S+ covered',
    given: 'coverage that proves less than it appears to (RFC 9421 §7.2.1, 7.2.5)',
    cases: [
      resigned('nothing covered', { components: [] }, lacks(...get)),
      resigned('a missing field', { components: [...get, 'x-a'] }, { ...badInput }),
      resigned('signature-input covered', { components: [...get, 'signature-input'] }, refused),
      resigned('signature covered', { components: [...get, 'signature'] }, refused),
      tampered('a covered field changed', (sent) => withHeader(sent, 'x-a', () => 'c'), refused, {
        base: { fields: { 'x-a': 'b' }, components: [...get, 'x-a'] },
      }),
      tampered('a line added to a covered field', (sent) => plusHeader(sent, 'X-A', 'c'), refused, {
        base: { fields: { 'x-a': 'b' }, components: [...get, 'x-a'] },
      }),
      tampered(
        'a covered field split into two lines has the same value',
        (sent) =>
          plusHeader(
            withHeader(sent, 'x-a', () => 'b'),
            'x-a',
            'c',
          ),
        accepted,
        { base: { fields: { 'x-a': 'b, c' }, components: [...get, 'x-a'] } },
      ),
      tampered('Content-Type on two lines', (sent) => plusHeader(sent, 'content-type', 'text/html'), refused, {
        base: post,
      }),
      resigned(
        'a base with a line smuggled into a covered field',
        { fields: { 'x-a': 'b\n"@method": DELETE' }, components: ['x-a', ...get] },
        badInput,
        { on: 'verifier' },
      ),
      tampered(
        'the headers renamed with underscores',
        (sent) => ({ ...sent, headers: sent.headers.map(([name, value]) => [name.replace('-', '_'), value] as const) }),
        refusedUnasked,
      ),
      tampered(
        'the headers in the trailer',
        (sent) => {
          const of = (wanted: boolean) => sent.headers.filter(([name]) => name.startsWith('signature') === wanted)
          const trailer = of(true).map(([name, value]) => `${name}: ${value}\r\n`)
          const headers = [...of(false), ['transfer-encoding', 'chunked'] as const]
          return { ...sent, headers, body: `0\r\n${trailer.join('')}\r\n` }
        },
        refusedUnasked,
        { base: { method: 'POST' }, on: 'http' },
      ),
    ],
  },
  {
    id: 'S+ digest',
    given: 'Content-Digest edge cases (RFC 9530 §2, 5)',
    cases: [
      ...(
        [
          ['one right and one wrong', `${digestOf(body)}, sha-512=:AAAA:`],
          ['in uppercase', digestOf(body).toUpperCase()],
          ['without padding', digestOf(body).replace('=:', ':').replace(/=+:$/, ':')],
          ['as a string', digestOf(body).replaceAll(':', '"')],
          ['empty bytes', 'sha-256=::'],
          ['of another body', digestOf('{}')],
          ['not a dictionary', 'sha-256'],
          ['hexadecimal', `sha-256=:${Buffer.from(body).toString('hex')}:`],
          ['4 KiB of unknown algorithms', Array.from({ length: 400 }, (_, i) => `a${i}=:AAAA:`).join(', ')],
        ] as const
      ).map(([claim, digest]) =>
        resigned(claim, { ...post, fields: { 'content-digest': digest } }, refused, { base: post }),
      ),
      resigned(
        'Repr-Digest instead of Content-Digest',
        { ...post, fields: { 'repr-digest': digestOf(body) }, components: [...get, 'content-type', 'repr-digest'] },
        lacks('content-digest'),
        { base: post },
      ),
      passes('an unknown algorithm next to a correct one', {
        ...post,
        fields: { 'content-digest': `${digestOf(body)}, new=:AAAA:` },
      }),
      tampered('a GET with a body', (sent) => ({ ...sent, body: '{}' }), {
        ...lacks('content-type', 'content-digest'),
        overHttp: { status: 400, error: 'invalid_request' },
        overHttp2: badRequest,
      }),
      tampered(
        'a body over the limit',
        (sent) => ({ ...sent, body: 'a'.repeat(101) }),
        { status: 413, error: 'invalid_request', unasked: 'any' },
        {
          base: post,
          on: 'http',
          options: { maxBody: 100 },
        },
      ),
      tampered('the body removed', (sent) => ({ ...sent, body: '' }), badInput, { base: post }),
    ],
  },
  {
    id: 'S+ bytes',
    given: 'signature bytes that are almost right (RFC 8032 §8.4, FIPS 186-5)',
    cases: [
      tampered('Ed25519 with S + L', (sent) => withSignature(sent, withLargeS), refused),
      tampered('Ed25519 with all zeros', (sent) => withSignature(sent, () => Buffer.alloc(64)), refused),
      tampered('63 bytes', (sent) => withSignature(sent, (bytes) => bytes.subarray(0, 63)), refused),
      tampered('65 bytes', (sent) => withSignature(sent, (bytes) => Buffer.concat([bytes, Buffer.alloc(1)])), refused),
      tampered('ECDSA in DER', (sent) => withSignature(sent, inDer), refused, { base: ownEcdsa }),
      tampered('ECDSA with all zeros', (sent) => withSignature(sent, () => Buffer.alloc(64)), refused, {
        base: ownEcdsa,
      }),
      {
        claim: 'the alternative s of an accepted ECDSA signature',
        valid: (stage) => craft(stage, { ...ownEcdsa, ...post, fields: { nonce } }),
        attack: async (stage, valid) => {
          expect((await stage.send(valid)).status).toBe(200)
          const other = withSignature(valid, withOtherS)
          expect(headerOf(other, 'signature')).not.toBe(headerOf(valid, 'signature'))
          return () => stage.send(other)
        },
        expected: refused,
      },
      {
        claim: 'an accepted nonce again on another path',
        valid: (stage) => craft(stage, { ...post, fields: { nonce } }),
        attack: async (stage, valid) => {
          expect((await stage.send(valid)).status).toBe(200)
          const other = await craft(stage, { ...post, target: '/admin', fields: { nonce } })
          return () => stage.send(other)
        },
        expected: refused,
      },
      {
        claim: 'a nonce of a rejected request is not used up',
        valid: (stage) => craft(stage, { ...post, fields: { nonce } }),
        attack: async (stage, valid) => {
          expect((await stage.send({ ...valid, body: '{}' })).status).toBe(401)
          return () => stage.send(valid)
        },
        expected: accepted,
      },
    ],
  },
  {
    id: 'S+ key',
    given: 'a key in the header that does not match its own parameters (RFC 7517, 7518, 8037)',
    cases: [
      ...(
        [
          ['alg of another type', / crv/, ' alg="ES256" crv', badKey],
          ['alg none', / crv/, ' alg="none" crv', badKey],
          ['its own correct alg is accepted', / crv/, ' alg="EdDSA" crv', refused],
          ['kty of another type', '"OKP"', '"EC"', badKey],
          ['kty in lowercase', '"OKP"', '"okp"', badKey],
          ['crv in uppercase', 'Ed25519', 'ED25519', badKey],
          ['no kty', 'kty="OKP" ', '', refusedUnasked],
          ['x5c', / crv/, ' x5c="AAAA" crv', refusedUnasked],
          ['jku', / crv/, ' jku="https://attacker.example/jwks.json" crv', refusedUnasked],
          ...notPoints.map((x) => [`x = ${x.slice(0, 2)}…, not a point`, / x="[^"]*"/, ` x="${x}"`, badKey] as const),
          ['x in base64', / x="../, ' x="+/', badKey],
          ['x with unused bits', /.(")\)$/, 'B")', badKey],
        ] as const
      ).map(([claim, found, instead, expected]) =>
        headerChanged(claim, 'signature-key', (value) => value.replace(found, instead), expected, {
          base: { signatureKey: 'own key' },
        }),
      ),
      headerChanged(
        'a point that is not on P-256',
        'signature-key',
        (value) => value.replace(/ y="[^"]*"/, ` y="${'A'.repeat(43)}"`),
        badKey,
        {
          base: ownEcdsa,
        },
      ),
      headerChanged(
        'P-256 point at infinity',
        'signature-key',
        (value) => value.replace(/ ([xy])="[^"]*"/g, ` $1="${'A'.repeat(43)}"`),
        badKey,
        {
          base: ownEcdsa,
        },
      ),
      headerChanged('P-256 without y', 'signature-key', (value) => value.replace(/ y="[^"]*"/, ''), badKey, {
        base: ownEcdsa,
      }),
      headerChanged('P-256 key labeled P-384', 'signature-key', (value) => value.replace('P-256', 'P-384'), badKey, {
        base: ownEcdsa,
      }),
      headerChanged(
        '1024-bit RSA',
        'signature-key',
        () => `sig1=(scheme=hwk kty="RSA" n="${smallRsa.n}" e="AQAB")`,
        badKey,
      ),
      headerChanged(
        'RSA with e = 1',
        'signature-key',
        () => `sig1=(scheme=hwk kty="RSA" n="${'x'.repeat(342)}" e="AQ")`,
        badKey,
      ),
      headerChanged(
        'RSA with an even e',
        'signature-key',
        () => `sig1=(scheme=hwk kty="RSA" n="${'x'.repeat(342)}" e="AAAC")`,
        badKey,
      ),
    ],
  },
]
