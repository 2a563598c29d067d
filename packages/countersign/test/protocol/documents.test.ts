import { isFetchableUrl, isIdentifier, isLoopbackIdentifier } from 'countersign/discovery'
import { describe, expect, it } from 'vitest'
import { identifierRepair, isUnder, requireIdentifier } from '../../src/protocol/documents.js'

const loopback = { allowInsecureLoopback: true }
const path = { allowPath: true }

describe('isIdentifier accepts', () => {
  it.each([
    'https://agent.example',
    'https://a.b.c.agent.example',
    'https://agent.example:8443',
    'https://agent.example:1',
    'https://agent.example:65535',
    'https://xn--e1afmkfd.example',
    'https://xn--gent-53d.example',
    'https://1.agent.example',
    'https://a-b.agent.example',
    `https://${'a'.repeat(63)}.example`,
  ])('%s', (text) => {
    expect(isIdentifier(text)).toBe(true)
    expect(new URL(text).origin).toBe(text)
  })
})

/** W10 and the rows K03, K04 and K09, each one change from `https://agent.example`. */
const refused: readonly (readonly [string, unknown])[] = [
  ['http', 'http://agent.example'],
  ['uppercase scheme', 'HTTPS://agent.example'],
  ['another scheme', 'ftp://agent.example'],
  ['no scheme', 'agent.example'],
  ['scheme-relative', '//agent.example'],
  ['one slash', 'https:/agent.example'],
  ['three slashes', 'https:///agent.example'],
  ['backslashes', 'https:\\\\agent.example'],
  ['trailing slash', 'https://agent.example/'],
  ['a path', 'https://agent.example/a'],
  ['uppercase host', 'https://Agent.example'],
  ['the default port', 'https://agent.example:443'],
  ['an empty port', 'https://agent.example:'],
  ['a port of zero', 'https://agent.example:0'],
  ['a port with a leading zero', 'https://agent.example:08443'],
  ['a port above 65535', 'https://agent.example:65536'],
  ['a port that is not a number', 'https://agent.example:x'],
  ['user-info', 'https://user@agent.example'],
  ['userinfo with a password', 'https://user:password@agent.example'],
  ['empty userinfo', 'https://@agent.example'],
  ['a query', 'https://agent.example?a=1'],
  ['an empty query', 'https://agent.example?'],
  ['a fragment', 'https://agent.example#a'],
  ['an empty fragment', 'https://agent.example#'],
  ['a trailing backslash', 'https://agent.example\\'],
  ['a tab', 'https://agent\t.example'],
  ['a line feed', 'https://agent.example\n'],
  ['a leading space', ' https://agent.example'],
  ['a trailing space', 'https://agent.example '],
  ['a soft hyphen', 'https://ag\u00adent.example'],
  ['a zero-width joiner', 'https://ag\u200dent.example'],
  ['full-width letters', 'https://ａgent.example'],
  ['an ideographic full stop', 'https://agent。example'],
  ['a U-label', 'https://bücher.example'],
  ['a Cyrillic letter', 'https://аgent.example'],
  ['an A-label that decodes to nothing', 'https://xn--.example'],
  ['an A-label with invalid Punycode', 'https://xn--0.example'],
  ['a trailing dot', 'https://agent.example.'],
  ['two dots', 'https://agent..example'],
  ['a leading dot', 'https://.agent.example'],
  ['a single label', 'https://agent'],
  ['localhost', 'https://localhost'],
  ['an underscore', 'https://a_b.example'],
  ['a leading hyphen in a label', 'https://-a.example'],
  ['a trailing hyphen in a label', 'https://a-.example'],
  ['a label of 64 characters', `https://${'a'.repeat(64)}.example`],
  ['a name of 254 characters', `https://${'a.'.repeat(126)}ab`],
  ['a percent-encoded host', 'https://%61gent.example'],
  ['an IPv4 address', 'https://203.0.113.1'],
  ['an IPv4 address in short form', 'https://127.1'],
  ['an IPv4 address as one number', 'https://2130706433'],
  ['an IPv4 address in hex', 'https://0x7f000001'],
  ['an IPv4 address in hex parts', 'https://0x7f.0.0.1'],
  ['an IPv4 address in octal', 'https://0177.0.0.1'],
  ['an IPv4 address whose last part is hex', 'https://127.0.0.0x1'],
  ['an IPv4 address whose last part is 0x', 'https://127.0.0.0x'],
  ['full-width digits', 'https://１２７.0.0.1'],
  ['an IPv6 address', 'https://[2001:db8::1]'],
  ['an IPv4-mapped address', 'https://[::ffff:127.0.0.1]'],
  ['513 characters', `https://${'a'.repeat(60)}.${'b'.repeat(450)}.example`],
  ['nothing', ''],
  ['not a string', 1],
  ['null', null],
  ['an object whose string form is an identifier', { toString: () => 'https://agent.example' }],
  ['an array whose string form is an identifier', ['https://agent.example']],
]

describe('isIdentifier rejects', () => {
  it.each(refused)('%s', (_name, text) => {
    expect(isIdentifier(text)).toBe(false)
    expect(isIdentifier(text, loopback)).toBe(false)
  })

  it.each(refused.filter(([name]) => name !== 'a path'))('%s, even if paths are accepted', (_name, text) => {
    expect(isIdentifier(text, path)).toBe(false)
  })
})

describe('isIdentifier with allowPath', () => {
  it.each([
    'https://host.example/~agent',
    'https://host.example/a/b',
    "https://host.example/a!$&'()*+,;=:@b",
    'https://host.example/...',
    'https://host.example:8443/a',
  ])('accepts %s', (text) => {
    expect(isIdentifier(text, path)).toBe(true)
    expect(isIdentifier(text)).toBe(false)
    expect(new URL(text).href).toBe(text)
  })

  it.each([
    ['a trailing slash', 'https://host.example/a/'],
    ['an empty segment', 'https://host.example//a'],
    ['a dot segment', 'https://host.example/a/../b'],
    ['a trailing dot segment', 'https://host.example/..'],
    ['a single dot', 'https://host.example/./a'],
    ['percent-encoding', 'https://host.example/%7Eagent'],
    ['an encoded dot segment', 'https://host.example/%2e%2e/a'],
    ['a backslash', 'https://host.example/a\\b'],
    ['a query', 'https://host.example/a?b'],
    ['a fragment', 'https://host.example/a#b'],
    ['a space', 'https://host.example/a b'],
    ['Latin-1', 'https://host.example/é'],
  ])('rejects %s', (_name, text) => {
    expect(isIdentifier(text, path)).toBe(false)
  })
})

describe('loopback identifiers', () => {
  it.each(['http://127.0.0.1:8001', 'http://[::1]:8001', 'http://localhost:8001', 'http://localhost:65535'])(
    'accepts %s only if allowed',
    (text) => {
      expect(isIdentifier(text, loopback)).toBe(true)
      expect(isIdentifier(text)).toBe(false)
      expect(isLoopbackIdentifier(text)).toBe(true)
    },
  )

  it.each([
    'http://127.0.0.1',
    'http://127.0.0.1:',
    'http://127.0.0.1:0',
    'http://127.0.0.1:65536',
    'http://127.0.0.1:08001',
    'http://127.0.0.1:8001/',
    'http://127.0.0.1:8001/a',
    'http://127.0.0.1:8001?a',
    'http://127.0.0.1:8001\n',
    'http://127.0.0.2:8001',
    'http://127.1:8001',
    'http://0.0.0.0:8001',
    'http://2130706433:8001',
    'http://LOCALHOST:8001',
    'http://localhost.:8001',
    'http://a.localhost:8001',
    'http://localhost.agent.example:8001',
    'http://127.0.0.1.agent.example:8001',
    'http://localhost@agent.example:8001',
    'http://[::]:8001',
    'http://[::ffff:127.0.0.1]:8001',
    'http://[0:0:0:0:0:0:0:1]:8001',
    'https://127.0.0.1:8001',
    'https://localhost:8001',
    'ws://localhost:8001',
  ])('rejects %s even if loopback is allowed', (text) => {
    expect(isIdentifier(text, { ...loopback, ...path })).toBe(false)
  })
})

describe('requireIdentifier', () => {
  it('names the option and a possible fix', () => {
    expect(() => requireIdentifier('issuer', 'http://localhost:8001', {})).toThrow(/issuer.*allowInsecureLoopback/)
    expect(() => requireIdentifier('id', 'https://Agent.example', {})).toThrow(TypeError)
    expect(() => requireIdentifier('id', 'https://agent.example', {})).not.toThrow()
  })
})

it.each([
  ['https://agent.example//', 'remove the trailing slash (https://agent.example)'],
  ['https://Agent.example', 'write it in lower case (https://agent.example)'],
  ['https://agent.example:443', 'remove the default port (https://agent.example)'],
  ['agent.example', 'add https:// in front (https://agent.example)'],
  ['http://agent.example', 'use https instead of http (https://agent.example)'],
  ['https://agent.example/?a', 'remove the question mark or hash sign and everything after it (https://agent.example)'],
  ['https://agent.example#a', 'remove the question mark or hash sign and everything after it (https://agent.example)'],
  ['http://localhost/', 'add a port, such as (http://localhost:8001)'],
])('the fix for %s is: %s', (text, repair) => {
  expect(identifierRepair(text, loopback)).toBe(repair)
})

it.each([
  ['https://agent.example/a', 'set allowPath to allow a path'],
  ['https://10.0.0.1', 'it must be https:// and a lower-case domain name with a dot'],
])('the hint for %s, which has no simple fix, is: %s', (text, hint) => {
  expect(identifierRepair(text, {})).toBeUndefined()
  expect(() => requireIdentifier('id', text, {})).toThrow(`id is not a valid identifier (${hint}): ${text}`)
})

it.each([
  ['https://api.example', 'https://api.example', true],
  ['https://api.example/', 'https://api.example', true],
  ['https://api.example?a', 'https://api.example', true],
  ['https://api.example#a', 'https://api.example', true],
  ['https://api.example.evil.example', 'https://api.example', false],
  ['https://api.example:8443', 'https://api.example', false],
  ['https://api.example', 'https://api.example/~a', false],
  ['https://api.exampl', 'https://api.example', false],
  ['https://evil.example/https://api.example', 'https://api.example', false],
])('%s is under %s: %s', (url, identifier, expected) => {
  expect(isUnder(url, identifier)).toBe(expected)
})

describe('accepts values at their limits, and none beyond', () => {
  const textOf = (length: number) => `https://agent.example/${'a'.repeat(length - 22)}`

  it('identifiers of 512 characters', () => {
    expect(textOf(512)).toHaveLength(512)
    expect(isIdentifier(textOf(512), path)).toBe(true)
    expect(isIdentifier(textOf(513), path)).toBe(false)
  })

  it('URLs of 2,048 characters', () => {
    expect(isFetchableUrl(textOf(2048))).toBe(true)
    expect(isFetchableUrl(textOf(2049))).toBe(false)
  })
})

describe('isFetchableUrl', () => {
  it.each([
    'https://agent.example',
    'https://agent.example/',
    'https://agent.example/jwks.json',
    'https://agent.example:8443/a/b?c=d&e',
    'https://agent.example/%7Ea',
  ])('accepts %s', (text) => {
    expect(isFetchableUrl(text)).toBe(true)
  })

  it('accepts loopback with a path only if allowed', () => {
    expect(isFetchableUrl('http://127.0.0.1:8001/jwks.json', loopback)).toBe(true)
    expect(isFetchableUrl('http://127.0.0.1:8001/jwks.json')).toBe(false)
  })

  it.each([
    ['http', 'http://agent.example/jwks.json'],
    ['file', 'file:///etc/passwd'],
    ['data', 'data:application/json,{}'],
    ['ftp', 'ftp://agent.example/a'],
    ['gopher', 'gopher://agent.example/a'],
    ['javascript', 'javascript:alert(1)'],
    ['a private address', 'https://10.0.0.1/jwks.json'],
    ['an address in short form', 'https://127.1/jwks.json'],
    ['a single label', 'https://intranet/jwks.json'],
    ['user-info', 'https://user@agent.example/a'],
    ['userinfo that looks like a host', 'https://agent.example@evil.example/a'],
    ['uppercase host', 'https://Agent.example/a'],
    ['the default port', 'https://agent.example:443/a'],
    ['a dot segment', 'https://agent.example/a/../b'],
    ['an encoded dot segment', 'https://agent.example/%2e%2e/b'],
    ['a backslash', 'https://agent.example\\a'],
    ['a backslash in the path', 'https://agent.example/a\\b'],
    ['a fragment', 'https://agent.example/a#b'],
    ['an empty fragment', 'https://agent.example/a#'],
    ['a query without a path', 'https://agent.example?a'],
    ['a space', 'https://agent.example/a b'],
    ['a line feed', 'https://agent.example/a\n'],
    ['a non-ASCII letter', 'https://agent.example/é'],
    ['2 KiB', `https://agent.example/${'a'.repeat(2048)}`],
    ['a number', 1],
    ['nothing', undefined],
  ])('rejects %s', (_name, value) => {
    expect(isFetchableUrl(value, loopback)).toBe(false)
  })
})
