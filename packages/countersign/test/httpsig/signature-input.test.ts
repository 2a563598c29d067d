import {
  parseBase64url,
  parseSignature,
  parseSignatureInput,
  serializeBase64,
  serializeBase64url,
} from 'countersign/signatures'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { serializeSignatureParameters } from '../../src/httpsig/signature-input.js'
import { refusalCode } from '../refusal.js'

const valid = 'sig1=("@method" "@authority" "@path" "signature-key");created=1768786017'

describe('parseSignatureInput accepts', () => {
  it.each([
    [valid, {}],
    ['a=();created=0', { created: 0, components: [] }],
    [`${valid};expires=1768786018`, { expires: 1768786018 }],
    [`${valid};alg="ed25519";keyid="k";nonce="n";tag="t"`, { algorithm: 'ed25519', tag: 't' }],
    [`${valid};tag=""`, { tag: '' }],
    [`${valid};keyid=""`, {}],
    [`${valid};other;more=1;less=-1;word=tok/en;no=?0;text="a b"`, {}],
    [`${valid};constructor;valueof="a";hasownproperty=1`, {}],
    ['sig1=("@path");alg="ed25519";created=7;expires=8', { created: 7, expires: 8, algorithm: 'ed25519' }],
    ['sig1=("x_y!");created=999999999999999', { created: 999999999999999, components: ['x_y!'] }],
    [`${valid};expires=1768786017`, { expires: 1768786017 }],
  ])('%s', (text, expected) => {
    const input = parseSignatureInput(text)
    expect(input).toMatchObject(expected)
    expect(`${input.label}=${input.parameters}`).toBe(text)
  })
})

describe('parseSignatureInput accepts values at their limits, and none beyond', () => {
  const covering = (count: number) => `a=(${Array.from({ length: count }, (_, at) => `"f${at}"`).join(' ')});created=1`
  const padded = (length: number) => `${valid};x="${'a'.repeat(length - valid.length - 5)}"`

  it.each<[string, (size: number) => string, number]>([
    ['32 components', covering, 32],
    ['4,096 characters', padded, 4096],
  ])('%s', async (_name, textOf, most) => {
    expect(parseSignatureInput(textOf(most))).toHaveProperty('created')
    expect(await refusalCode(() => parseSignatureInput(textOf(most + 1)))).toBe('signature_malformed')
  })
})

it.each([
  ['sig1=("@method"', 'is not label=(…): the component list is not closed.'],
  ['sig1=(("@method"', 'does not start with label=(…).'],
  ['"sig1=("@method"', 'does not start with label=(…).'],
  [`${valid};expires=1768786016`, 'has expires earlier than created.'],
])('the refusal of %s says what is wrong', (text, message) => {
  expect(() => parseSignatureInput(text)).toThrow(`Signature-Input ${message}`)
})

describe('parseSignatureInput rejects, one change from an accepted text', () => {
  it.each([
    ['a second label', `${valid}, sig2=("@method");created=1`, 'signature_malformed'],
    ['a duplicate label', `${valid}, ${valid}`, 'signature_malformed'],
    ['a trailing comma', `${valid},`, 'signature_malformed'],
    ['a trailing space', `${valid} `, 'signature_malformed'],
    ['a leading space', ` ${valid}`, 'signature_malformed'],
    ['a list in a parameter', 'of_no=1;created=5;x="sig1=()"', 'signature_malformed'],
    ['no label', valid.slice(5), 'signature_malformed'],
    ['uppercase label', valid.replace('sig1', 'SIG1'), 'signature_malformed'],
    ['no list', 'sig1="@method";created=1', 'signature_malformed'],
    ['a nested list', valid.replace('"@method"', '("@method")'), 'signature_malformed'],
    ['no created', valid.replace(/;created.*/, ''), 'signature_created_missing'],
    ['created without value', valid.replace(/=\d+$/, ''), 'signature_malformed'],
    ['created as string', valid.replace(/=(\d+)$/, '="$1"'), 'signature_malformed'],
    ['created as decimal', `${valid}.0`, 'signature_malformed'],
    ['created negative', valid.replace(/=(\d+)$/, '=-$1'), 'signature_malformed'],
    ['created with a leading zero', valid.replace(/=(\d+)$/, '=0$1'), 'signature_malformed'],
    ['created with a sign', valid.replace(/=(\d+)$/, '=+$1'), 'signature_malformed'],
    ['created in hex', valid.replace(/=\d+$/, '=0x1'), 'signature_malformed'],
    ['created as an exponent', valid.replace(/=\d+$/, '=1e9'), 'signature_malformed'],
    ['created above 2^53', valid.replace(/=\d+$/, '=9007199254740993'), 'signature_malformed'],
    ['created as date', valid.replace(/=(\d+)$/, '=@$1'), 'signature_malformed'],
    ['created of 16 digits', valid.replace(/=\d+$/, '=1234567890123456'), 'signature_malformed'],
    ['created with letters after it', `${valid}s`, 'signature_malformed'],
    ['a duplicate parameter named like a method of objects', `${valid};valueof;valueof`, 'signature_malformed'],
    ['duplicate created', `${valid};created=1768786017`, 'signature_malformed'],
    ['expires as string', `${valid};expires="1"`, 'signature_malformed'],
    ['alg as token', `${valid};alg=ed25519`, 'signature_malformed'],
    ['alg without value', `${valid};alg`, 'signature_malformed'],
    ['keyid as bytes', `${valid};keyid=:AAAA:`, 'signature_malformed'],
    ['another duplicate parameter', `${valid};x=1;x=2`, 'signature_malformed'],
    ['a space before a parameter', valid.replace(';', ' ;'), 'signature_malformed'],
    ['a space after the semicolon', valid.replace(';', '; '), 'signature_malformed'],
    ['an integer that is not canonical', `${valid};x=01`, 'signature_malformed'],
    ['minus zero', `${valid};x=-0`, 'signature_malformed'],
    ['an explicit true, which serializes without a value', `${valid};x=?1`, 'signature_malformed'],
    ['an escaped quote', `${valid};tag="a\\"b"`, 'signature_malformed'],
    ['two spaces between components', valid.replace('" "', '"  "'), 'signature_malformed'],
    ['no space between components', valid.replace('" "', '""'), 'signature_malformed'],
    ['a tab between components', valid.replace('" "', '"\t"'), 'signature_malformed'],
    ['a space in the list', valid.replace('("', '( "'), 'signature_malformed'],
    ['a component that is not a string', valid.replace('"@method"', '@method'), 'signature_malformed'],
    ['a duplicate component', valid.replace('"@path"', '"@method"'), 'signature_malformed'],
    ['an empty component', valid.replace('"@method"', '""'), 'signature_malformed'],
    [
      '33 components',
      valid.replace('"@method"', Array.from({ length: 33 }, (_, i) => `"f${i}"`).join(' ')),
      'signature_malformed',
    ],
    ['4 KiB', `${valid};x="${'a'.repeat(4096)}"`, 'signature_malformed'],
    ['uppercase component', valid.replace('@method', '@METHOD'), 'component_unsupported'],
    ['a component name that no field can have', valid.replace('@method', 'a:b'), 'component_unsupported'],
    ['sf', valid.replace('"@method"', '"content-type";sf'), 'component_unsupported'],
    ['key', valid.replace('"@method"', '"content-digest";key="sha-256"'), 'component_unsupported'],
    ['bs', valid.replace('"@method"', '"content-type";bs'), 'component_unsupported'],
    ['tr', valid.replace('"@method"', '"content-type";tr'), 'component_unsupported'],
    ['req', valid.replace('"@method"', '"@method";req'), 'component_unsupported'],
    ['name', valid.replace('"@method"', '"@query-param";name="a"'), 'component_unsupported'],
    [
      'a parameter on the last component',
      valid.replace('"signature-key")', '"signature-key";sf)'),
      'component_unsupported',
    ],
    ['Latin-1', `${valid};tag="é"`, 'signature_malformed'],
    ['a line feed', `${valid}\n`, 'signature_malformed'],
    ['a line feed in a component', valid.replace('@method', '@method\n'), 'component_unsupported'],
    ['empty', '', 'signature_malformed'],
  ])('%s', async (_name, text, code) => {
    expect(text).not.toBe(valid)
    expect(await refusalCode(() => parseSignatureInput(text))).toBe(code)
  })
})

describe('parseSignatureInput, properties', () => {
  const component = fc.oneof(
    fc.constantFrom('@method', '@authority', '@path', '@query'),
    fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/),
  )
  const seconds = fc.integer({ min: 0, max: 999_999_999_999_999 })

  it('parses serialized text back to the same value', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(component, { maxLength: 32 }),
        seconds,
        fc.option(seconds, { nil: undefined }),
        (components, created, lifetime) => {
          const expires = lifetime === undefined ? undefined : Math.min(created + lifetime, 999_999_999_999_999)
          const ending = expires === undefined ? '' : `;expires=${expires}`
          const parameters = serializeSignatureParameters(components, created) + ending
          fc.pre(parameters.length < 4000)
          expect(parseSignatureInput(`sig1=${parameters}`)).toEqual({
            label: 'sig1',
            components,
            created,
            expires,
            algorithm: undefined,
            parameters,
          })
        },
      ),
    )
  })

  it('text with any insertion, deletion or replacement is rejected, or read as it stands', () => {
    fc.assert(
      fc.property(
        fc.nat(90),
        fc.nat(3),
        fc.string({ maxLength: 3, unit: fc.constantFrom(...'()",;=?\\ \t\n\0aé-01'.split('')) }),
        (at, removed, added) => {
          const changed = `${valid};tag="a"`.slice(0, at) + added + `${valid};tag="a"`.slice(at + removed)
          try {
            const input = parseSignatureInput(changed)
            expect(`${input.label}=${input.parameters}`).toBe(changed)
            expect(changed).toContain(`(${input.components.map((name) => `"${name}"`).join(' ')})`)
            expect(changed).toContain(`;created=${input.created}`)
          } catch (error) {
            expect(error).toMatchObject({ name: 'AAuthError' })
          }
        },
      ),
      { numRuns: 3000 },
    )
  })
})

describe('parseSignature', () => {
  const bytes =
    parseBase64url('yNg83RIDMM7dnCJXGig_LrBskrbHtlTFDzCpMBQgtn1oELS1c4QNhH30rboOuGpDLgjaFx6Ut14n2gzWyV26DA') ??
    new Uint8Array()
  const base64 = serializeBase64(bytes)
  const base64url = serializeBase64url(bytes)

  it.each([
    ['base64 (RFC 8941)', base64],
    ['base64url without padding (W2, S35b)', base64url],
  ])('accepts %s', (_name, text) => {
    expect(parseSignature(`sig1=:${text}:`)).toEqual({ label: 'sig1', signature: new Uint8Array(bytes) })
  })

  it.each([
    ['a mixed alphabet', 'AA-/'],
    ['base64url with padding', `${base64url}==`],
    ['base64 without padding', base64.replaceAll('=', '')],
    ['a missing padding character', base64.slice(0, -1)],
    ['padding in the middle', `AA==${base64}`],
    ['unused bits set', base64.replace('DA==', 'DB==')],
    ['unused bits set in base64url', base64url.replace(/DA$/, 'DB')],
    ['a length that no byte sequence has', base64url.slice(0, -1)],
    ['a space inside', base64.replace('X', ' ')],
    ['a line feed inside', base64.replace('X', '\n')],
    ['nothing', ''],
    ['3 KiB', 'A'.repeat(3072)],
  ])('rejects %s', async (_name, text) => {
    expect(await refusalCode(() => parseSignature(`sig1=:${text}:`))).toBe('signature_malformed')
  })

  it.each([
    ['a second label', `sig1=:${base64}:, sig2=:${base64}:`],
    ['parameters', `sig1=:${base64}:;a=1`],
    ['a string', `sig1="${base64}"`],
    ['no closing colon', `sig1=:${base64}`],
    ['trailing text', `sig1=:${base64}: `],
    ['no label', `:${base64}:`],
    ['uppercase label', `SIG1=:${base64}:`],
  ])('rejects %s', async (_name, text) => {
    expect(await refusalCode(() => parseSignature(text))).toBe('signature_malformed')
  })
})
