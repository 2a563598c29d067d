import { type JanuaryChallenge, parseChallenge, serializeChallenge } from 'countersign/editions'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { refusal, refusalCode } from '../../refusal.js'

describe('the challenges of S§4, in both directions', () => {
  it.each<[string, JanuaryChallenge]>([
    ['httpsig', { level: 'signature' }],
    ['httpsig; identity=?1', { level: 'identity' }],
    [
      'httpsig; identity=?1; algs=("ed25519" "rsa-pss-sha512")',
      { level: 'identity', algorithms: ['ed25519', 'rsa-pss-sha512'] },
    ],
    ['httpsig; algs=("ed25519")', { level: 'signature', algorithms: ['ed25519'] }],
    ['httpsig; auth-token', { level: 'authorization' }],
    [
      'httpsig; auth-token; resource_token="a.b.c"; auth_server="https://auth.example"',
      { level: 'authorization', resourceToken: 'a.b.c', authServer: 'https://auth.example' },
    ],
  ])('%s', (header, challenge) => {
    expect(parseChallenge(header)).toEqual(challenge)
    expect(serializeChallenge(challenge)).toBe(header)
  })
})

describe('parseChallenge', () => {
  it.each<[string, string, JanuaryChallenge]>([
    ['no spaces', 'httpsig;identity', { level: 'identity' }],
    ['leading and trailing spaces', '  httpsig; identity  ', { level: 'identity' }],
    ['identity=?0', 'httpsig; identity=?0', { level: 'signature' }],
    ['auth-token=?0', 'httpsig; auth-token=?0', { level: 'signature' }],
    ['unknown parameters', 'httpsig; a=1; b=tok; c="s"; d=:AAAA:; identity', { level: 'identity' }],
    [
      'algorithms between the parameters',
      'httpsig; algs=("ed25519"); auth-token',
      { level: 'authorization', algorithms: ['ed25519'] },
    ],
    [
      'semicolons and quotes inside strings',
      'httpsig; a=";;\\";b"; b="\\\\"; auth-token; auth_server="https://a.example/;c"',
      { level: 'authorization', authServer: 'https://a.example/;c' },
    ],
    ['no algorithms', 'httpsig; algs=()', { level: 'signature', algorithms: [] }],
    ['spaces in the list', 'httpsig; algs=( "a"  "b" )', { level: 'signature', algorithms: ['a', 'b'] }],
    [
      'text that looks like a list inside a string',
      'httpsig; auth-token; auth_server="https://auth.example/a;algs=(x)?b"',
      { level: 'authorization', authServer: 'https://auth.example/a;algs=(x)?b' },
    ],
    [
      'an escaped quote before text that looks like a list',
      'httpsig; auth-token; auth_server="a\\";algs=()"; algs=("ed25519")',
      { level: 'authorization', authServer: 'a";algs=()', algorithms: ['ed25519'] },
    ],
  ])('reads %s', (_name, header, challenge) => {
    expect(parseChallenge(header)).toEqual(challenge)
  })

  it.each([
    ['another scheme', 'bearer; identity=?1'],
    ['the scheme as a string', '"httpsig"; identity=?1'],
    ['the scheme in uppercase', 'HTTPSIG'],
    ['the scheme with a suffix', 'httpsig2'],
    ['two items', 'httpsig, httpsig'],
    ['a list', '(httpsig)'],
    ['nothing', ''],
    ['a comma between parameters', 'httpsig, identity=?1'],
    ['a resource token that is not a string', 'httpsig; auth-token; resource_token=abc'],
    ['a resource token without a value', 'httpsig; auth-token; resource_token'],
    ['an auth server that is a number', 'httpsig; auth-token; auth_server=1'],
    ['an unterminated string', 'httpsig; auth_server="https://auth.example'],
    ['two lists of algorithms', 'httpsig; algs=("a"); algs=("b")'],
    [
      'a duplicate auth server',
      'httpsig; auth-token; auth_server="https://a.example"; auth_server="https://b.example"',
    ],
    ['a duplicate flag', 'httpsig; identity; identity'],
    ['a level that is set and then unset', 'httpsig; auth-token; auth-token=?0'],
    ['a duplicate unknown parameter', 'httpsig; a="b;c"; a=1'],
    ['a tab instead of a space', 'httpsig;\tidentity'],
    ['a parameter in uppercase', 'httpsig; Identity'],
    ['an unterminated list', 'httpsig; algs=("a"'],
    ['a list of tokens', 'httpsig; algs=(ed25519)'],
    ['a list of strings without spaces', 'httpsig; algs=("a""b")'],
    ['a list of names in uppercase', 'httpsig; algs=("ED25519")'],
    ['Latin-1', 'httpsig; auth_server="https://é.example"'],
    ['16 KiB', `httpsig; auth_server="${'a'.repeat(16_384)}"`],
  ])('rejects %s', async (_name, header) => {
    expect(await refusalCode(() => parseChallenge(header))).toBe('request_malformed')
  })

  it('accepts 32 parameters, and no more', async () => {
    const header = (count: number) => ['httpsig', ...Array.from({ length: count }, (_, at) => `p${at}`)].join('; ')
    expect(parseChallenge(header(32)).level).toBe('signature')
    expect(await refusalCode(() => parseChallenge(header(33)))).toBe('request_malformed')
  })

  it('accepts 16 KiB, and not a character more', async () => {
    const header = (length: number) => `httpsig; auth_server="${'a'.repeat(length - 'httpsig; auth_server=""'.length)}"`
    expect(parseChallenge(header(16_384)).level).toBe('signature')
    expect(await refusalCode(() => parseChallenge(header(16_385)))).toBe('request_malformed')
  })

  it.each([
    ['alone', 'httpsig; user_interaction="https://resource.example/auth?session=xyz"'],
    ['with a resource token', 'httpsig; user_interaction="https://a.example"; resource_token="a.b.c"'],
    ['with an auth token', 'httpsig; auth-token; user_interaction="https://a.example"'],
    ['as bytes', 'httpsig; user_interaction=:AAAA:'],
  ])('rejects user_interaction and names it, %s', async (_name, header) => {
    const { code, message } = await refusal(() => parseChallenge(header))
    expect(code).toBe('challenge_unsupported')
    expect(message).toContain('user_interaction')
  })

  it('parses any challenge that can be serialized', () => {
    const text = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) })
    const algs = fc.option(fc.array(fc.stringMatching(/^[a-z0-9-]{1,12}$/), { maxLength: 4 }), { nil: undefined })
    fc.assert(
      fc.property(text, text, algs, (resourceToken, authServer, names) => {
        const offered = names === undefined ? {} : { algorithms: names }
        for (const challenge of [
          { level: 'authorization', resourceToken, authServer, ...offered },
          { level: 'identity', ...offered },
        ] as const) {
          expect(parseChallenge(serializeChallenge(challenge))).toEqual(challenge)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('throws TypeError instead of writing a value that no parser accepts', () => {
    expect(() => serializeChallenge({ level: 'authorization', authServer: 'a\r\nset-cookie: b' })).toThrow(TypeError)
  })
})
