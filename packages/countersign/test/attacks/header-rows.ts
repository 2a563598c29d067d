import { expect } from 'vitest'
import { withHeader } from '../httpsig/crafted-message.js'
import type { Case, Outcome, Row } from './attack.js'
import {
  accepted,
  badKey,
  craft,
  headerChanged,
  headerOf,
  type Parts,
  refused,
  refusedUnasked,
  resigned,
} from './crafted-cases.js'
import type { Stage } from './stage.js'

const post: Parts = { method: 'POST', body: '{"action":"update"}' }
const nonce = 'Y3VyaW91c2x5Y3VyaW91cw'
const withNonce: Parts = { ...post, fields: { nonce } }
/** A change of the key in the header. */
function headerKey(claim: string, change: (value: string) => string, expected: Outcome): Case {
  return headerChanged(claim, 'signature-key', change, expected, { base: { signatureKey: 'own key' } })
}

const point = (bytes: Buffer) => (value: string) => value.replace(/ x="[^"]*"/, ` x="${bytes.toString('base64url')}"`)

/** The part of group S about keys in headers, bytes, and text that parsers may interpret differently. */
export const headerRows: readonly Row[] = [
  {
    id: 'S33',
    given: 'an invalid key in the header',
    cases: [
      headerKey('kty=oct', (value) => value.replace('"OKP"', '"oct"'), badKey),
      headerKey('kty=oct with k', () => 'sig1=(scheme=hwk kty="oct" k="AAAA")', badKey),
      headerKey('the private d', (value) => value.replace(')', ` d="${'A'.repeat(43)}")`), badKey),
      headerKey('x of 31 bytes', point(Buffer.alloc(31, 7)), badKey),
      headerKey('x of 33 bytes', point(Buffer.alloc(33, 7)), badKey),
      headerKey('x with padding', (value) => value.replace(/ x="[^"]*"/, (x) => x.replace(/"$/, '="')), refusedUnasked),
      headerKey('an all-zero point', point(Buffer.alloc(32)), badKey),
      ...[
        `01${'00'.repeat(31)}`,
        `01${'00'.repeat(30)}80`,
        `ec${'ff'.repeat(30)}7f`,
        `ed${'ff'.repeat(30)}7f`,
        `ee${'ff'.repeat(30)}ff`,
        '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
        'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
      ].map((hex) =>
        headerKey(`the small-order point ${hex.slice(0, 4)}…${hex.slice(-2)}`, point(Buffer.from(hex, 'hex')), badKey),
      ),
      headerKey('curve X25519', (value) => value.replace('Ed25519', 'X25519'), badKey),
      headerKey('curve Ed448', (value) => value.replace('Ed25519', 'Ed448'), badKey),
      headerKey('no x', (value) => value.replace(/ x="[^"]*"/, ''), badKey),
    ],
  },
  {
    id: 'S35',
    given: 'a signature base that differs from RFC 9421',
    cases: [
      ['no @signature-params', /\n"@signature-params".*$/, ''],
      ['no @signature-params, with a trailing line feed', /"@signature-params".*$/, ''],
      ['a line feed after the base', /$/, '\n'],
      ['carriage returns', /\n/g, '\r\n'],
      ['no space after the colons', /": /g, '":'],
      ['@method in lowercase', /"GET|(?<=: )GET/, 'get'],
    ].map(([claim, found, instead]) =>
      resigned(String(claim), { rewriteBase: (base) => base.replace(found as RegExp, String(instead)) }, refused),
    ),
  },
  {
    id: 'S35b',
    given: 'the bytes of Signature in another alphabet',
    cases: [
      headerChanged(
        'base64url without padding is accepted',
        'signature',
        (value) => value.replaceAll('+', '-').replaceAll('/', '_').replaceAll('==', ''),
        accepted,
      ),
      headerChanged('base64 without padding', 'signature', (value) => value.replaceAll('==', ''), refusedUnasked, {
        base: withBothAlphabets,
      }),
      headerChanged(
        'base64url with padding',
        'signature',
        (value) => value.replaceAll('+', '-').replaceAll('/', '_'),
        refusedUnasked,
        { base: withBothAlphabets },
      ),
      headerChanged('both alphabets', 'signature', (value) => value.replace('+', '-'), refusedUnasked, {
        base: withBothAlphabets,
      }),
    ],
  },
  {
    id: 'S36',
    given: 'an equivalent Signature-Key in another spelling',
    cases: [
      headerChanged('re-spaced', 'signature-key', (value) => value.replace(' kid', '  kid'), refusedUnasked),
      headerChanged('re-quoted', 'signature-key', (value) => value.replaceAll('"', "'"), refusedUnasked),
      headerChanged(
        're-ordered',
        'signature-key',
        (value) => value.replace(/(id="[^"]*") (kid="[^"]*")/, '$2 $1'),
        refused,
      ),
      headerChanged('well-known omitted', 'signature-key', (value) => value.replace(/ well-known="[^"]*"/, ''), {
        ...refused,
        signatureError: 'unknown_key',
      }),
    ],
  },
  {
    id: 'S37',
    given: 'Signature-Key text that parsers may interpret differently',
    cases: [
      ['duplicate id', / id=/, ' id="https://attacker.example" id='],
      ['duplicate scheme', / id=/, ' scheme=hwk id='],
      ['a ) in a string', 'agent-key-1', 'agent)key-1'],
      ['a , in a string', 'agent-key-1', 'agent,key-1'],
      ['a ; in a string', 'agent-key-1', 'agent;key-1'],
      ['a = in a string', 'agent-key-1', 'agent=key-1'],
      ['an escaped quote in a string', 'agent-key-1', 'agent\\"key-1'],
      ['a string that is closed early', 'agent-key-1', 'agent-key-1" id="https://attacker.example'],
      ['text after the )', /\)$/, ')x'],
      ['parameters after the )', /\)$/, ');id="https://attacker.example"'],
      ['a second list', /\)$/, ')(scheme=hwk)'],
      ['a tab as separator', ' kid', '\tkid'],
      ['both syntaxes', ' kid', ';kid'],
      ['the later syntax', /^.*$/, 'sig1=jwks;id="https://agent.example";kid="agent-key-1"'],
      ['an unknown scheme', '=jwks', '=jwkz'],
      ['a scheme named like a property that every object inherits', '=jwks', '=valueof'],
      ['an unknown parameter', ' kid', ' kod="a" kid'],
      ['an empty value', 'agent-key-1', ''],
      ['no value', 'kid="agent-key-1"', 'kid'],
    ].map(([claim, found = '', instead]) =>
      headerChanged(String(claim), 'signature-key', (value) => value.replace(found, String(instead)), refusedUnasked),
    ),
  },
  {
    id: 'S38',
    parsed: true,
    given: 'non-ASCII bytes or control characters in a signature header',
    cases: (['signature', 'signature-input', 'signature-key'] as const).flatMap((name) => [
      headerChanged(`a Latin-1 letter in ${name}`, name, (value) => value.replace('sig1', 'sig\u00ef'), refusedUnasked),
      headerChanged(`UTF-8 in ${name}`, name, (value) => `${value}\u00d0\u00b0`, refusedUnasked),
      headerChanged(`a control character in ${name}`, name, (value) => `${value}\u0001`, {
        ...refusedUnasked,
        overHttp: { status: 400 },
      }),
      headerChanged(`a NUL in ${name}`, name, (value) => value.replace('1', '1\0'), {
        ...refusedUnasked,
        overHttp: { status: 400 },
      }),
    ]),
  },
  {
    id: 'S45',
    parsed: true,
    given: 'long text that slows parsers down, in each header',
    cases: (['signature', 'signature-input', 'signature-key', 'nonce', 'content-digest'] as const).flatMap((name) =>
      [
        ['a=a=a=…', 'a='],
        ['nested parentheses', '('],
        ['quotes', '"'],
        ['escaped quotes', '\\"'],
      ].map(
        ([claim, piece = '']): Case => ({
          claim: `${claim} in ${name}`,
          valid: (stage) => craft(stage, withNonce),
          attack: async (stage, valid) => {
            const message = withHeader(valid, name, () => piece.repeat(102_400 / piece.length))
            return async () => {
              const times: number[] = []
              for (let round = 0; round < (stage.wire ? 0 : 5); round++) {
                const start = performance.now()
                await stage.send(message)
                times.push(performance.now() - start)
              }
              if (!stage.wire) expect(Math.min(...times)).toBeLessThan(5)
              return stage.send(message)
            }
          },
          expected: { ...(name === 'content-digest' ? refused : refusedUnasked), overHttp: { status: 431 } },
        }),
      ),
    ),
  },
]

/** A signature base whose signature differs between base64 and base64url. */
async function withBothAlphabets(stage: Stage): Promise<Parts> {
  for (let keyid = 0; ; keyid++) {
    const parts = { parameters: `;keyid="${keyid}"` }
    const signature = headerOf(await craft(stage, parts), 'signature')
    if (signature.includes('+') && signature.includes('/')) return parts
  }
}
