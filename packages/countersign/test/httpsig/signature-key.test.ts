import { parseSignatureKey, serializeSignatureKey } from 'countersign/editions'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { refusalCode } from '../refusal.js'

const jwks = 'sig1=(scheme=jwks id="https://agent.example" kid="key-1" well-known="aauth-agent")'
const hwk = 'sig=(scheme=hwk kty="OKP" crv="Ed25519" x="JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs")'

describe('accepts, and serializes back byte for byte', () => {
  it.each([
    [jwks, { scheme: 'jwks', id: 'https://agent.example', kid: 'key-1', wellKnown: 'aauth-agent' }],
    ['a=(scheme=jwks kid="k" id="https://agent.example")', { scheme: 'jwks', id: 'https://agent.example', kid: 'k' }],
    [
      'a=(scheme=jwks well-known="aauth-agent" kid="k" id="https://agent.example")',
      { scheme: 'jwks', id: 'https://agent.example', kid: 'k', wellKnown: 'aauth-agent' },
    ],
    [
      '*=(scheme=jwks jwks="https://agent.example/jwks.json" kid="k")',
      { scheme: 'jwks', jwksUri: 'https://agent.example/jwks.json', kid: 'k' },
    ],
    [hwk, { scheme: 'hwk', jwk: { kty: 'OKP', crv: 'Ed25519', x: 'JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs' } }],
    [
      'sig=(scheme=hwk x="AA" kty="OKP" kid="a b" crv="Ed25519")',
      { scheme: 'hwk', jwk: { kty: 'OKP', crv: 'Ed25519', kid: 'a b', x: 'AA' } },
    ],
    ['sig=(scheme=jwt jwt="a.b.c")', { scheme: 'jwt', jwt: 'a.b.c' }],
    [
      'sig=(scheme=x509 x5t="t" x5u="https://agent.example/cert.pem")',
      { scheme: 'x509', x5u: 'https://agent.example/cert.pem', x5t: 't' },
    ],
  ])('%s', (text, key) => {
    const parsed = parseSignatureKey(text)
    expect(parsed).toEqual({ label: text.slice(0, text.indexOf('=')), key })
    expect(serializeSignatureKey(parsed.label, parsed.key)).toBe(text)
  })
})

describe('rejects, one change from an accepted text', () => {
  it.each([
    ['duplicate id', jwks.replace(' kid', ' id="https://agent.example" kid')],
    ['duplicate scheme', jwks.replace(' id', ' scheme=jwks id')],
    ['duplicate scheme, quoted', jwks.replace(' id', ' scheme="jwks" id')],
    ['a closing parenthesis in a string', jwks.replace('key-1', 'key)1')],
    ['an opening parenthesis in a string', jwks.replace('key-1', 'key(1')],
    ['a comma in a string', jwks.replace('key-1', 'key,1')],
    ['a semicolon in a string', jwks.replace('key-1', 'key;1')],
    ['an equals sign in a string', jwks.replace('key-1', 'key=1')],
    ['an escaped quote in a string', jwks.replace('key-1', 'key\\"1')],
    ['a backslash in a string', jwks.replace('key-1', 'key\\1')],
    ['an unterminated string', jwks.replace('key-1"', 'key-1')],
    ['text after the closing parenthesis', `${jwks} `],
    ['parameters after the closing parenthesis', `${jwks};a=1`],
    ['a second member', `${jwks}, sig2=(scheme=jwt jwt="a")`],
    ['a duplicate member', `${jwks}, ${jwks}`],
    ['no closing parenthesis', jwks.slice(0, -1)],
    ['two closing parentheses', `${jwks})`],
    ['a space before the closing parenthesis', jwks.replace(')', ' )')],
    ['a tab as separator', jwks.replace(' kid', '\tkid')],
    ['two spaces as separator', jwks.replace(' kid', '  kid')],
    ['no separator', jwks.replace(' kid', 'kid')],
    ['a space before the value', jwks.replace('kid="', 'kid= "')],
    ['a space before the member', ` ${jwks}`],
    ['the other syntax', 'sig1=jwks;id="https://agent.example";kid="key-1"'],
    ['both syntaxes', jwks.replace(' kid', ';kid')],
    ['an inner list of strings', 'sig1=("jwks" "key-1")'],
    ['scheme not first', 'sig1=(id="https://agent.example" scheme=jwks kid="key-1")'],
    ['scheme quoted', jwks.replace('=jwks', '="jwks"')],
    ['unknown scheme', jwks.replace('=jwks', '=jwkz')],
    ['a scheme named like a property that every object inherits', 'sig1=(scheme=toString kid="k")'],
    ['uppercase scheme', jwks.replace('=jwks', '=JWKS')],
    ['no scheme', jwks.replace('scheme=jwks ', '')],
    ['unknown parameter', jwks.replace('kid', 'key')],
    ['a parameter of another scheme', jwks.replace(' kid', ' jwt="a" kid')],
    ['a parameter named __proto__', jwks.replace(' kid', ' __proto__="a" kid')],
    ['uppercase parameter', jwks.replace('kid', 'KID')],
    ['parameter without value', jwks.replace('kid="key-1"', 'kid')],
    ['parameter with a token', jwks.replace('"key-1"', 'key-1')],
    ['empty id', jwks.replace('https://agent.example', '')],
    ['empty kid', jwks.replace('key-1', '')],
    ['empty well-known', jwks.replace('"aauth-agent"', '""')],
    ['no kid', jwks.replace(' kid="key-1"', '')],
    ['neither id nor jwks', jwks.replace(' id="https://agent.example"', '')],
    ['id and jwks', jwks.replace(' kid', ' jwks="https://agent.example/jwks.json" kid')],
    ['jwks with well-known', jwks.replace('id=', 'jwks=')],
    ['jwks without kid', 'sig1=(scheme=jwks jwks="https://agent.example/jwks.json")'],
    ['hwk without kty', hwk.replace(' kty="OKP"', '')],
    ['jwt without jwt', 'sig1=(scheme=jwt)'],
    ['x509 without x5t', 'sig1=(scheme=x509 x5u="https://agent.example/cert.pem")'],
    ['label in uppercase', jwks.replace('sig1', 'Sig1')],
    ['label that starts with a digit', jwks.replace('sig1', '1sig')],
    ['label of 65 characters', jwks.replace('sig1', 'a'.repeat(65))],
    ['no label', jwks.slice('sig1='.length)],
    ['a line feed', `${jwks}\n`],
    ['a NUL', jwks.replace('key-1', 'key\0')],
    ['DEL', jwks.replace('key-1', 'key\x7f')],
    ['Latin-1', jwks.replace('key-1', 'kéy')],
    ['Cyrillic', jwks.replace('agent.example', 'аgent.example')],
    ['empty text', ''],
    ['16 KiB', jwks.replace('key-1', 'k'.repeat(16_384))],
  ])('%s', async (_name, text) => {
    expect(text).not.toBe(jwks)
    expect(await refusalCode(() => parseSignatureKey(text))).toBe('signature_malformed')
  })

  it.each([
    ['d', hwk.replace(')', ' d="AA")')],
    ['k', 'sig=(scheme=hwk kty="oct" k="AA")'],
    ...['p', 'q', 'dp', 'dq', 'qi', 'oth'].map((name) => [
      name,
      `sig=(scheme=hwk kty="RSA" n="AA" e="AQAB" ${name}="AA")`,
    ]),
  ])('throws key_invalid for a header key that exposes its %s', async (_name, text) => {
    expect(await refusalCode(() => parseSignatureKey(text))).toBe('key_invalid')
  })
})

describe('properties', () => {
  const valueCharacter = fc.constantFrom(..."abcXYZ019 !#$%&'*+-./:<>?@[]^_`{|}~".split(''))
  const value = fc.array(valueCharacter, { minLength: 1, maxLength: 30 }).map((characters) => characters.join(''))
  const label = fc.stringMatching(/^[a-z*][a-z0-9_.*-]{0,10}$/)
  const names = {
    hwk: ['kty', 'crv', 'x', 'y', 'n', 'e', 'alg', 'kid'],
    jwks: ['id', 'jwks', 'kid', 'well-known'],
    jwt: ['jwt'],
    x509: ['x5u', 'x5t'],
  }
  const member = fc.constantFrom(...(Object.keys(names) as (keyof typeof names)[])).chain((scheme) =>
    fc.tuple(
      fc.constant(scheme),
      fc
        .shuffledSubarray(names[scheme])
        .chain((chosen) => fc.tuple(...chosen.map((name) => fc.tuple(fc.constant(name), value)))),
    ),
  )

  it.each(['id="" kid="a"', 'kid="" id="https://agent.example"', 'id="" id="https://agent.example"'])(
    'names the first empty parameter: %s',
    (parameters) => {
      const [name] = parameters.split('=')
      expect(() => parseSignatureKey(`sig1=(scheme=jwks ${parameters})`)).toThrow(`has an empty ${name}.`)
    },
  )

  it('serializes accepted text back byte for byte', () => {
    let accepted = 0
    fc.assert(
      fc.property(label, member, (name, [scheme, parameters]) => {
        const text = `${name}=(scheme=${scheme}${parameters.map(([parameter, text]) => ` ${parameter}="${text}"`).join('')})`
        try {
          const parsed = parseSignatureKey(text)
          accepted++
          expect(serializeSignatureKey(parsed.label, parsed.key)).toBe(text)
        } catch (error) {
          expect(error).toMatchObject({ code: 'signature_malformed' })
        }
      }),
      { numRuns: 1000 },
    )
    expect(accepted).toBeGreaterThan(100)
  })

  it('text with any insertion, deletion or replacement is rejected, or serializes back', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(jwks, hwk, 'sig1=(scheme=jwt jwt="a.b.c")'),
        fc.nat(110),
        fc.nat(3),
        fc.string({ maxLength: 3, unit: fc.constantFrom(...'()",;=\\ \t\n\0aé-'.split('')) }),
        (text, at, removed, added) => {
          const changed = text.slice(0, at) + added + text.slice(at + removed)
          try {
            const { label: name, key } = parseSignatureKey(changed)
            expect(serializeSignatureKey(name, key)).toBe(changed)
          } catch (error) {
            expect(error).toMatchObject({ name: 'AAuthError' })
          }
        },
      ),
      { numRuns: 3000 },
    )
  })
})

describe('serializeSignatureKey', () => {
  it.each([
    ['a quote', 'a"b'],
    ['a closing parenthesis', 'a)b'],
    ['an equals sign', 'a=b'],
    ['a non-ASCII letter', 'ä'],
    ['nothing', ''],
  ])('throws TypeError for a value with %s, which no parser would accept', (_name, kid) => {
    expect(() => serializeSignatureKey('sig1', { scheme: 'jwks', id: 'https://agent.example', kid })).toThrow(TypeError)
  })
})

it('accepts a Signature-Key of 16,384 characters, and rejects a longer one', async () => {
  const carrying = (length: number) => `sig1=(scheme=jwt jwt="${'a'.repeat(length - 24)}")`
  expect(carrying(16_384)).toHaveLength(16_384)
  expect(parseSignatureKey(carrying(16_384))).toMatchObject({ key: { scheme: 'jwt' } })
  expect(await refusalCode(() => parseSignatureKey(carrying(16_385)))).toBe('signature_malformed')
})

it.each([
  ['sig1=(scheme=jwt jwt="a") ', 'is not a single member of the form label='],
  ['sig1=(jwt="a")', 'does not start with label=(scheme=…'],
  [' sig1=(scheme=jwt jwt="a")', 'does not start with label=(scheme=…'],
])('the refusal of %s says what is wrong', (text, message) => {
  expect(() => parseSignatureKey(text)).toThrow(`Signature-Key ${message}`)
})
