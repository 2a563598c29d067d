import { parseEitherSignatureKey, parseSignatureKey, serializeSignatureKey } from 'countersign/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { refusalCode } from '../refusal.js'

const january = 'sig1=(scheme=jwks id="https://agent.example" kid="key-1" well-known="aauth-agent")'
const later = 'sig1=jwks;id="https://agent.example";kid="key-1";well-known="aauth-agent"'

describe('parseEitherSignatureKey', () => {
  it.each([
    [later, january],
    ['sig=hwk;kty="OKP";crv="Ed25519";x="AA"', 'sig=(scheme=hwk kty="OKP" crv="Ed25519" x="AA")'],
    ['a=jwt;jwt="a.b.c"', 'a=(scheme=jwt jwt="a.b.c")'],
    [
      'a=jwks;kid="k";jwks="https://agent.example/jwks.json"',
      'a=(scheme=jwks kid="k" jwks="https://agent.example/jwks.json")',
    ],
  ])('reads %s as %s', (text, same) => {
    expect(parseEitherSignatureKey(text)).toEqual(parseSignatureKey(same))
    expect(parseEitherSignatureKey(same)).toEqual(parseSignatureKey(same))
  })

  it('the later form is refused where it is not configured', async () => {
    expect(await refusalCode(() => parseSignatureKey(later))).toBe('signature_malformed')
  })

  it.each([
    ['a second member', `${later}, sig2=jwt;jwt="a"`],
    ['the member twice', `${later}, ${later}`],
    ['a parameter twice', `${later};kid="key-1"`],
    ['a parameter twice, the last another', later.replace(';kid', ';id="https://victim.example";kid')],
    ['a blank after the semicolon', later.replace(';kid', '; kid')],
    ['a blank before', ` ${later}`],
    ['a blank after', `${later} `],
    ['a comma after', `${later},`],
    ['an escaped quote', later.replace('key-1', 'key\\"1')],
    ['an escaped backslash', later.replace('key-1', 'key\\\\1')],
    ['an end of the January form in a string', later.replace('key-1', 'key)1')],
    ['a parameter of the January form in a string', later.replace('key-1', 'a\\" id=\\"https://victim.example')],
    ['a value that is a token', later.replace('"key-1"', 'key-1')],
    ['a value that is a number', later.replace('"key-1"', '1')],
    ['a value that is a date', later.replace('"key-1"', '@1')],
    ['a value that is a display string', later.replace('"key-1"', '%"key-1"')],
    ['a value that is bytes', later.replace('"key-1"', ':AAAA:')],
    ['a parameter without value', later.replace('="key-1"', '')],
    ['an empty value', later.replace('key-1', '')],
    ['the scheme as a string', later.replace('=jwks', '="jwks"')],
    ['an unknown scheme', later.replace('=jwks', '=jwkz')],
    ['no scheme', 'sig1;id="https://agent.example";kid="key-1"'],
    ['an unknown parameter', `${later};a="b"`],
    ['no kid', later.replace(';kid="key-1"', '')],
    ['both syntaxes', 'sig1=(scheme=jwks id="https://agent.example");kid="key-1"'],
    ['an inner list', 'sig1=("jwks");kid="key-1"'],
    ['Latin-1', later.replace('key-1', 'é')],
    ['a line feed', `${later}\n`],
    ['empty', ''],
    ['16 KiB', later.replace('key-1', 'a'.repeat(16_384))],
  ])('refuses %s', async (_name, text) => {
    expect(await refusalCode(() => parseEitherSignatureKey(text))).toBe('signature_malformed')
  })

  it('a text with anything put in, taken out or exchanged is refused or read as it stands', () => {
    const added = fc.string({ maxLength: 3, unit: fc.constantFrom(...'()",;=\\ \t\0aé-'.split('')) })
    fc.assert(
      fc.property(fc.nat(80), fc.nat(3), added, (at, removed, text) => {
        const changed = later.slice(0, at) + text + later.slice(at + removed)
        try {
          const { label, key } = parseEitherSignatureKey(changed)
          const form = serializeSignatureKey(label, key)
          const same = changed.includes('=(')
            ? form
            : form
                .replace('(scheme=', '')
                .slice(0, -1)
                .replaceAll(/ ([a-z0-9-]+="[^"]*")/g, ';$1')
          expect(same).toBe(changed)
        } catch (error) {
          expect(error).toMatchObject({ name: 'AAuthError' })
        }
      }),
      { numRuns: 3000 },
    )
  })
})
