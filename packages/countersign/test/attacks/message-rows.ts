import { gzipSync } from 'node:zlib'
import { january } from 'countersign/editions'
import { signRequest } from 'countersign/signatures'
import { expect, vi } from 'vitest'
import { digestOf, plusHeader, requiredComponents, withHeader } from '../httpsig/crafted-message.js'
import type { Case, Message, Outcome, Row } from './attack.js'
import {
  accepted,
  badInput,
  badRequest,
  craft,
  lacks,
  type Parts,
  type PartsOf,
  passes,
  refused,
  refusedUnasked,
  resigned,
  tampered,
} from './crafted-cases.js'
import { ids, signers } from './parties.js'

const get = requiredComponents(false, false, false)
const post: Parts = { method: 'POST', body: '{"action":"update"}' }
const bodyCovered = requiredComponents(false, true, false)

const covering = (component: string): Parts => ({
  components: ['@method', component, '@authority', '@path', 'signature-key'],
})

/** The outcome of a message that the HTTP parser rejects before our code runs. */
const byParser: Outcome = { status: 400, unasked: 'any' }

/** A case about bytes on the wire. */
function onTheWire(claim: string, raw: (bytes: string) => string, expected: Outcome, base: PartsOf = {}): Case {
  return tampered(claim, (message) => ({ ...message, raw }), expected, { base, on: 'http' })
}

/** A handled path must be the verified path, as sent. */
const handledAs = (path: string): Outcome => ({
  ...accepted,
  also: ({ handled }) => expect(handled).toEqual([path]),
})

/** The part of group S about targets, bodies and components. */
export const messageRows: readonly Row[] = [
  {
    id: 'S21',
    given: 'a signed POST whose body is changed',
    cases: [
      tampered('another value', (sent) => ({ ...sent, body: '{"action":"delete"}' }), refused, { base: post }),
      tampered('an extra byte', (sent) => ({ ...sent, body: `${String(sent.body)} ` }), refused, { base: post }),
      tampered(
        'with a matching digest',
        (sent) => ({ ...withHeader(sent, 'content-digest', () => digestOf('{}')), body: '{}' }),
        refused,
        { base: post },
      ),
    ],
  },
  {
    id: 'S23',
    given: 'a digest of an unsupported algorithm',
    cases: [
      ['md5', 'md5=:AAAAAAAAAAAAAAAAAAAAAA==:'],
      ['sha', 'sha=:AAAAAAAAAAAAAAAAAAAAAAAAAAA=:'],
      ['an unknown one', 'sha-3=:AAAA:'],
      ['a name that every object inherits', 'constructor=:AAAA:'],
    ].map(([claim, digest = '']) =>
      resigned(String(claim), { ...post, fields: { 'content-digest': digest } }, refused, { base: post }),
    ),
  },
  {
    id: 'S24',
    parsed: true,
    given: 'a body that is chunked or compressed',
    cases: [
      tampered('chunked: the digest is over the content', (sent) => chunked(sent, String(sent.body)), accepted, {
        base: post,
        on: 'http',
      }),
      tampered('chunked, and changed', (sent) => chunked(sent, '{"action":"delete"}'), refused, {
        base: post,
        on: 'http',
      }),
      ...[true, false].map(
        (overZipped): Case => ({
          claim: `gzip: the digest over the ${overZipped ? 'zipped bytes' : 'text'}`,
          valid: (stage) => craft(stage, post),
          attack: async (stage) => {
            const text = '{"action":"update"}'
            const zipped = gzipSync(text)
            const fields = {
              'content-type': 'application/json',
              'content-encoding': 'gzip',
              'content-digest': digestOf(overZipped ? zipped : text),
            }
            const signed = await craft(stage, { method: 'POST', fields, components: bodyCovered })
            return () => stage.send({ ...signed, body: zipped })
          },
          expected: overZipped ? accepted : refused,
        }),
      ),
    ],
  },
  {
    id: 'S25',
    given: 'a captured GET replayed',
    cases: [
      tampered('as DELETE', (sent) => ({ ...sent, method: 'DELETE' }), refused),
      tampered('on another path', (sent) => ({ ...sent, target: '/admin' }), refused),
      resigned('at another host', { authority: 'other.example' }, refused, {
        afterwards: (sent) => withHeader(sent, 'host', () => 'resource.example'),
      }),
    ],
  },
  {
    id: 'S26',
    parsed: true,
    given: 'a request signed for and sent with another host',
    cases: [
      resigned('Host', { authority: 'evil.example' }, refused),
      resigned('X-Forwarded-Host', { authority: 'evil.example' }, refused, {
        afterwards: (sent) => plusHeader(sent, 'x-forwarded-host', 'evil.example'),
      }),
      resigned('Forwarded', { authority: 'evil.example' }, refused, {
        afterwards: (sent) => plusHeader(sent, 'forwarded', 'host=evil.example'),
      }),
      tampered(
        'the same headers on a valid request have no effect',
        (sent) => plusHeader(plusHeader(sent, 'x-forwarded-host', 'evil.example'), 'forwarded', 'host=evil.example'),
        accepted,
      ),
    ],
  },
  {
    id: 'S27',
    parsed: true,
    given: 'two Host headers, or an absolute-form target',
    cases: [
      tampered('ours twice', (sent) => plusHeader(sent, 'Host', 'resource.example'), {
        ...badRequest,
        overHttp2: accepted,
      }),
      tampered('ours first', (sent) => plusHeader(sent, 'host', 'evil.example'), badRequest),
      tampered('an absolute-form target', (sent) => ({ ...sent, target: 'http://resource.example/data' }), badRequest),
      tampered(
        'an absolute-form target for another host',
        (sent) => ({ ...sent, target: 'https://evil.example/data' }),
        badRequest,
      ),
    ],
  },
  {
    id: 'S28',
    parsed: true,
    given: 'a target that a router may read differently, signed as sent',
    cases: [
      ...['//admin', '/%61dmin', '/Admin', '/admin/'].flatMap((target) => [
        resigned(`${target}: handled as the verified path`, { target }, handledAs(target), {
          base: { target: '/admin' },
        }),
        tampered(`${target}, signed for /admin`, (sent) => ({ ...sent, target }), refused, {
          base: { target: '/admin' },
        }),
      ]),
      ...['/x/../admin', '/./admin', '/x/%2e%2e/admin', '/x/.%2E/admin', '/admin\\..', '/admin#x'].map((target) =>
        resigned(target, { target }, badRequest, { base: { target: '/admin' } }),
      ),
    ],
  },
  {
    id: 'S29',
    parsed: true,
    given: 'a route below a mount point',
    cases: [
      resigned('signed over the stripped path', { target: '/x' }, refused, {
        base: { target: '/api/x' },
        afterwards: (sent) => ({ ...sent, target: '/api/x' }),
      }),
      passes('signed over the full path', { target: '/api/x' }),
      resigned('signed over the path that a mounted app sees', { target: '/x' }, refused, {
        base: { target: '/mounted/x' },
        afterwards: (sent) => ({ ...sent, target: '/mounted/x' }),
      }),
      resigned('signed over the full path of a mounted app', { target: '/mounted/x' }, handledAs('/mounted/x')),
    ],
  },
  {
    id: 'S30',
    given: 'unsupported components, signed',
    cases: [
      ...[
        '"@method";req',
        '"@path";tr',
        '"@query-param";name="a"',
        '"signature-key";sf',
        '"signature-key";key="sig1"',
        '"signature-key";bs',
      ].map((component) => resigned(component, covering(component), badInput)),
      ...['@target-uri', '@request-target', '@scheme', '@status', '@signature-params', '@unknown', '@'].map(
        (component) => resigned(component, covering(component), badInput),
      ),
      resigned('"@METHOD"', { components: ['"@METHOD"', '@authority', '@path', 'signature-key'] }, badInput),
      resigned('"Signature-Key"', { components: [...get.slice(0, 3), '"Signature-Key"'] }, badInput),
      resigned('a duplicate component', { components: ['@method', ...get] }, refusedUnasked),
    ],
  },
  {
    id: 'S31',
    given: 'an alg that does not match the key',
    cases: ['none', 'hmac-sha256', 'rsa-v1_5-sha256', 'ecdsa-p256-sha256', 'rsa-pss-sha512', 'EdDSA', ''].map((alg) =>
      resigned(alg === '' ? 'empty' : alg, { parameters: `;alg="${alg}"` }, refused),
    ),
  },
  {
    id: 'S44',
    parsed: true,
    given: 'headers of more than 16 KiB',
    cases: [
      tampered(
        'one field',
        (sent) => plusHeader(sent, 'x-a', 'a'.repeat(17_000)),
        { status: 431, unasked: 'any' },
        {
          on: 'http',
        },
      ),
      tampered(
        'many fields',
        (sent) => ({
          ...sent,
          headers: [...sent.headers, ...Array.from({ length: 300 }, (_, i) => [`x-${i}`, 'a'.repeat(64)] as const)],
        }),
        { status: 431, unasked: 'any' },
        { on: 'http' },
      ),
      tampered('15 KiB are accepted', (sent) => plusHeader(sent, 'x-a', 'a'.repeat(15_000)), accepted),
    ],
    checks: [
      {
        claim: 'an agent whose signature headers exceed 8 KiB gets a warning',
        check: async () => {
          const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
          const sign = (bytes: number) =>
            signRequest(new Request(ids.resource), {
              profile: january.signing,
              signer: signers.delegate,
              signatureKey: { scheme: 'jwt', jwt: 'a'.repeat(bytes) },
            })
          await sign(7 * 1024)
          expect(warned).not.toHaveBeenCalled()
          await sign(8 * 1024)
          expect(warned).toHaveBeenCalledExactlyOnceWith(
            expect.stringMatching(/8 to 16 KiB of headers/),
            expect.anything(),
          )
        },
      },
    ],
  },
  {
    id: 'S46',
    parsed: true,
    given: 'a method override',
    cases: [
      tampered('X-HTTP-Method-Override', (sent) => plusHeader(sent, 'x-http-method-override', 'DELETE'), {
        ...accepted,
        also: (_stage, { body }) => expect(JSON.parse(body)).toMatchObject({ method: 'GET' }),
      }),
    ],
  },
  {
    id: 'S47',
    parsed: true,
    given: 'patterns of request smuggling',
    cases: [
      onTheWire(
        'Content-Length and Transfer-Encoding',
        (bytes) => bytes.replace('connection: close', 'transfer-encoding: chunked\r\nconnection: close'),
        byParser,
        post,
      ),
      onTheWire(
        'two Content-Lengths',
        (bytes) => bytes.replace('connection: close', 'content-length: 3\r\nconnection: close'),
        byParser,
        post,
      ),
      onTheWire('a folded header', (bytes) => bytes.replace('signature: ', 'x-a: a\r\n b\r\nsignature: '), byParser),
      onTheWire('a folded signature', (bytes) => bytes.replace('sig1=:', 'sig1=:\r\n '), byParser),
      onTheWire('a space before the colon', (bytes) => bytes.replace('signature: ', 'signature : '), byParser),
      onTheWire('no Host', (bytes) => bytes.replace(/host: .*\r\n/, ''), byParser),
      onTheWire('bare line feeds', (bytes) => bytes.replace('\r\nsignature: ', '\nsignature: '), byParser),
      onTheWire('a space in the target', (bytes) => bytes.replace('/data HTTP', '/da ta HTTP'), byParser),
    ],
  },
  {
    id: 'S48',
    parsed: true,
    given: 'a signed POST without a body',
    cases: [
      tampered('a body is added', (sent) => ({ ...sent, body: '{}' }), lacks('content-type', 'content-digest'), {
        base: { method: 'POST' },
      }),
      tampered(
        'a body is added with its fields',
        (sent) => ({
          ...plusHeader(plusHeader(sent, 'content-type', 'application/json'), 'content-digest', digestOf('{}')),
          body: '{}',
        }),
        lacks('content-type', 'content-digest'),
        { base: { method: 'POST' } },
      ),
    ],
  },
]

/** The message with its content in two chunks. */
function chunked(message: Message, content: string): Message {
  const parts = [content.slice(0, 5), content.slice(5)]
  const lines = parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`)
  return { ...plusHeader(message, 'transfer-encoding', 'chunked'), body: `${lines.join('')}0\r\n\r\n` }
}
