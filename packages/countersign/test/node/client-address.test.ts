import { createClientAddress, createTrustedPeers } from 'countersign/node'
import { describe, expect, it } from 'vitest'

describe('createClientAddress', () => {
  it('trusts no one by default', () => {
    const find = createClientAddress([])
    expect(find('127.0.0.1', ['X-Forwarded-For', '203.0.113.9'])).toBe('127.0.0.1')
  })

  it.each<[string, string | undefined, string[], string | undefined]>([
    ['the client behind one proxy', '10.0.0.1', ['203.0.113.9'], '203.0.113.9'],
    ['the client behind two proxies', '10.0.0.1', ['203.0.113.9, 10.2.3.4'], '203.0.113.9'],
    [
      'the last address that is not a proxy, whatever a client prepended',
      '10.0.0.1',
      ['1.1.1.1, 203.0.113.9'],
      '203.0.113.9',
    ],
    ['across several lines', '10.0.0.1', ['1.1.1.1', '203.0.113.9'], '203.0.113.9'],
    ['a peer that is not a proxy', '203.0.113.5', ['1.1.1.1'], '203.0.113.5'],
    ['a proxy that sends no address', '10.0.0.1', [], '10.0.0.1'],
    ['nothing past an invalid address', '10.0.0.1', ['203.0.113.9, unknown'], '10.0.0.1'],
    ['a mapped peer', '::ffff:10.0.0.1', ['203.0.113.9'], '203.0.113.9'],
    ['an IPv6 client', '::1', ['2001:db8::1'], '2001:db8::1'],
    ['no peer', undefined, ['203.0.113.9'], undefined],
  ])('finds %s', (_what, peer, lines, expected) => {
    const find = createClientAddress(['10.0.0.0/8', '::1'])
    const rawHeaders = ['Host', 'auth.example', ...lines.flatMap((line) => ['x-forwarded-for', line])]
    expect(find(peer, rawHeaders)).toBe(expected)
  })

  it('requires a list', () => {
    expect(() => createClientAddress('127.0.0.1' as never)).toThrow("must be a list, such as ['127.0.0.1']")
  })

  it.each([
    ['0.0.0.0/0'],
    ['::/0'],
    ['0.0.0.0/1', '128.0.0.0/1'],
    ['10.0.0.0/7'],
    ['203.0.113.9/0'],
    ['127.0.0.1', '2000::/3'],
    ['2001::/15'],
    ['fc00::/6'],
    ['fe80::/9'],
    ['::ffff:0:0/96'],
    ['::ffff:0.0.0.0/97'],
    ['0:0:0:0:0:ffff:8.0.0.0/103'],
    ['::/64'],
    ['::/16'],
    Array.from({ length: 128 }, (_, octet) => `${octet + 1}.0.0.0/8`),
    Array.from({ length: 65 }, (_, octet) => `${octet + 1}.0.0.0/8`),
    Array.from({ length: 256 }, (_, octet) => `${octet}.128.0.0/9`),
    Array.from({ length: 256 }, (_, octet) => `::ffff:${octet}.128.0.0/105`),
    Array.from({ length: 8192 }, (_, index) => `${(0x2000 + index).toString(16)}::/16`),
    Array.from({ length: 2049 }, (_, index) => `${(0x2000 + index * 3).toString(16)}::/16`),
  ])('rejects %s, which matches every address, and says what to do', (...trusted) => {
    expect(() => createClientAddress(trusted)).toThrow(
      /^the prox.* too much of the Internet, so too many clients could .*such as 10\.0\.0\.7/,
    )
  })

  it('counts nested networks once', () => {
    const inEachOther = Array.from({ length: 100 }, (_, octet) => [`10.${octet}.0.0/9`, '10.0.0.0/8', 'fc00::/7'])
    const find = createClientAddress([...inEachOther.flat(), '2600::/16', '2600:1900::/32'])
    expect(find('10.1.2.3', ['X-Forwarded-For', '203.0.113.9'])).toBe('203.0.113.9')
    expect(() => createClientAddress(Array.from({ length: 64 }, (_, octet) => `${octet + 1}.0.0.0/8`))).not.toThrow()
  })

  it.each([
    '*',
    'fe80::1%eth0',
    'all',
    '',
    'loopback',
    '10.0.0.0/33',
    '10.0.0/8',
    '::1/129',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/0x8',
    ' 10.0.0.1',
  ])('rejects %j, which is not a network', (trusted) => {
    expect(() => createClientAddress([trusted])).toThrow('must be an address or a network, such as 10.0.0.0/8')
  })

  it.each([
    ['10.0.0.0/8', '10.255.255.255'],
    ['fc00::/7', 'fd12:3456::1'],
    ['fd00::/8', 'fd12:3456::1'],
    ['fe80::/10', 'fe80::1'],
    ['2600::/16', '2600:1900::1'],
    ['::ffff:10.0.0.0/104', '10.1.2.3'],
    ['8.0.0.0/8', '8.1.1.1'],
  ])('accepts %s as a trusted network', (trusted, peer) => {
    const find = createClientAddress([trusted])
    expect(find(peer, ['X-Forwarded-For', '203.0.113.9'])).toBe('203.0.113.9')
    expect(find('198.51.100.1', ['X-Forwarded-For', '203.0.113.9'])).toBe('198.51.100.1')
  })
})

it.each([
  ['10.1.2.3', true],
  ['::ffff:10.1.2.3', true],
  ['::FFFF:10.1.2.3', true],
  ['::1', true],
  ['11.1.2.3', false],
  ['::2', false],
  ['10.0.0.0/8', false],
  ['unknown', false],
  ['', false],
])('createTrustedPeers: whether %j is in 10.0.0.0/8 or ::1: %s', (peer, expected) => {
  expect(createTrustedPeers(['10.0.0.0/8', '::1'])(peer)).toBe(expected)
})
