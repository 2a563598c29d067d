import { describe, expect, it } from 'vitest'
import { classifyAddress, isPublicAddress } from '../../src/discovery/address-ranges.node.js'

/** The IANA registries of special-purpose addresses (RFC 6890 and its successors), and multicast. */
const registry = {
  'this network': '0.0.0.0/8',
  'private use, 10': '10.0.0.0/8',
  'shared address space': '100.64.0.0/10',
  loopback: '127.0.0.0/8',
  'link local': '169.254.0.0/16',
  'private use, 172.16': '172.16.0.0/12',
  'IETF protocol assignments': '192.0.0.0/24',
  'TEST-NET-1': '192.0.2.0/24',
  '6to4 relay anycast': '192.88.99.0/24',
  'private use, 192.168': '192.168.0.0/16',
  benchmarking: '198.18.0.0/15',
  'TEST-NET-2': '198.51.100.0/24',
  'TEST-NET-3': '203.0.113.0/24',
  multicast: '224.0.0.0/4',
  reserved: '240.0.0.0/4',
  'limited broadcast': '255.255.255.255/32',
  'below global unicast': '::/3',
  unspecified: '::/128',
  'loopback, IPv6': '::1/128',
  'IPv4-compatible': '::/96',
  'IPv4-mapped': '::ffff:0:0/96',
  'IPv4-translated': '::ffff:0:0:0/96',
  'IPv4/IPv6 translation': '64:ff9b::/96',
  'IPv4/IPv6 translation, local': '64:ff9b:1::/48',
  'discard only': '100::/64',
  'dummy prefix': '100:0:0:1::/64',
  'IETF protocol assignments, IPv6': '2001::/23',
  Teredo: '2001::/32',
  'benchmarking, IPv6': '2001:2::/48',
  'ORCHID, deprecated': '2001:10::/28',
  ORCHIDv2: '2001:20::/28',
  'drone remote ID': '2001:30::/28',
  documentation: '2001:db8::/32',
  '6to4': '2002::/16',
  'documentation, 3fff': '3fff::/20',
  'above global unicast': '4000::/2',
  'segment routing SIDs': '5f00::/16',
  'the upper half of IPv6': '8000::/1',
  'unique local': 'fc00::/7',
  'link local, IPv6': 'fe80::/10',
  'site local, deprecated': 'fec0::/10',
  'multicast, IPv6': 'ff00::/8',
} as const

/** Public according to the registry, each adjacent or similar to a range that is not. */
const reachable = [
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.175.48.0/24',
  '2620:4f:8000::/48',
  '2000::/16',
  '3ffe::/16',
]

interface Range {
  bits: number
  first: bigint
  last: bigint
}

/** Computed by this file's own arithmetic, so that it does not share a bug with the code under test. */
function rangeOf(cidr: string): Range {
  const [address = '', prefix] = cidr.split('/')
  const bits = address.includes(':') ? 128 : 32
  const value = bits === 32 ? numberOf(address.split('.').map(Number), 8n) : numberOf(groupsOf(address), 16n)
  const host = 2n ** BigInt(bits - Number(prefix))
  return { bits, first: value - (value % host), last: value - (value % host) + host - 1n }
}

const numberOf = (parts: readonly number[], width: bigint) =>
  parts.reduce((value, part) => value * 2n ** width + BigInt(part), 0n)

function groupsOf(address: string): number[] {
  const [left = [], right = []] = address.split('::').map((half) => (half === '' ? [] : half.split(':')))
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return groups.map((group) => Number.parseInt(group, 16))
}

function textOf(bits: number, value: bigint): string {
  const [count, width] = bits === 32 ? [4, 8n] : [8, 16n]
  const parts = Array.from({ length: count }, (_, at) => (value >> (width * BigInt(count - 1 - at))) % 2n ** width)
  return bits === 32 ? parts.join('.') : parts.map((part) => part.toString(16)).join(':')
}

const special = Object.values(registry).map(rangeOf)
const azure = rangeOf('168.63.129.16/32')
const isSpecial = (bits: number, value: bigint) =>
  [...special, azure].some((range) => range.bits === bits && value >= range.first && value <= range.last)

describe('K08: both edges of each range that is not public', () => {
  it.each(Object.entries(registry))('%s', (_name, cidr) => {
    const { bits, first, last } = rangeOf(cidr)
    for (const inside of [first, first + 1n, (first + last) / 2n, last - 1n, last]) {
      if (inside < first || inside > last) continue
      expect(isPublicAddress(textOf(bits, inside)), textOf(bits, inside)).toBe(false)
    }
    for (const outside of [first - 1n, last + 1n]) {
      if (outside < 0n || outside >= 2n ** BigInt(bits)) continue
      expect(isPublicAddress(textOf(bits, outside)), textOf(bits, outside)).toBe(!isSpecial(bits, outside))
    }
  })

  it('control: most of the adjacent addresses are public', () => {
    const neighbours = special.flatMap(({ bits, first, last }) => [
      { bits, value: first - 1n },
      { bits, value: last + 1n },
    ])
    const isAddress = ({ bits, value }: { bits: number; value: bigint }) => value >= 0n && value < 2n ** BigInt(bits)
    const open = neighbours.filter((one) => isAddress(one) && !isSpecial(one.bits, one.value))
    expect(open.map(({ bits, value }) => textOf(bits, value))).toEqual(
      expect.arrayContaining(['1.0.0.0', '9.255.255.255', '11.0.0.0', '172.32.0.0', '2003:0:0:0:0:0:0:0']),
    )
    expect(open.length).toBeGreaterThan(30)
  })

  it.each(reachable)('%s is public', (cidr) => {
    const { bits, first, last } = rangeOf(cidr)
    for (const address of [first, last]) expect(isPublicAddress(textOf(bits, address))).toBe(true)
  })

  it.each(['1.1.1.1', '8.8.8.8', '2001:4860:4860::8888', '2606:4700:4700::1111', '2A00::1', '2001:200::', '2000::'])(
    '%s is public',
    (address) => {
      expect(isPublicAddress(address)).toBe(true)
    },
  )

  it.each([
    '',
    'localhost',
    '127.1',
    '0x7f.1',
    '2130706433',
    '8.8.8.8.',
    ' 8.8.8.8',
    '[::1]',
    '[2606:4700:4700::1111]',
    '08.8.8.8',
    '8.8.8.8/8',
    '2606:4700:4700::1111%eth0',
    '2606:4700:4700::1111/128',
    '2606:4700:4700:1111',
  ])('%s is not an address', (text) => {
    expect(classifyAddress(text)).toBeUndefined()
    expect(isPublicAddress(text)).toBe(false)
  })
})

describe('W28: what can be allowed, and what cannot', () => {
  const kinds = {
    forbidden: [
      '0.0.0.0/8',
      '169.254.0.0/16',
      '224.0.0.0/4',
      '255.255.255.255/32',
      '100.100.100.200/32',
      '168.63.129.16/32',
      '192.0.0.192/32',
      '::/128',
      'fe80::/10',
      'ff00::/8',
      'fd00:ec2::/32',
      'fd20:ce::254/128',
      'fd00:c1::a9fe:a9fe/128',
      'fd00:42::42/128',
    ],
    loopback: ['127.0.0.0/8', '::1/128'],
  }

  it.each(Object.entries(kinds).flatMap(([kind, cidrs]) => cidrs.map((cidr) => [cidr, kind] as const)))(
    '%s is %s, and the adjacent addresses are not',
    (cidr, kind) => {
      const { bits, first, last } = rangeOf(cidr)
      for (const inside of [first, last]) expect(classifyAddress(textOf(bits, inside))?.kind).toBe(kind)
      const others = Object.values(kinds).flat().map(rangeOf)
      for (const outside of [first - 1n, last + 1n]) {
        const isIn = (other: Range) => other.bits === bits && outside >= other.first && outside <= other.last
        // Below 2^32 it is an IPv4 address in IPv6 form, which has its own rows.
        if (outside < 0n || outside >= 2n ** BigInt(bits) || others.some(isIn)) continue
        if (bits === 128 && outside < 2n ** 32n) continue
        expect(['public', 'private'], textOf(bits, outside)).toContain(classifyAddress(textOf(bits, outside))?.kind)
      }
    },
  )

  it.each([
    ['10.0.0.0', 'private'],
    ['100.100.100.199', 'private'],
    ['100.100.100.201', 'private'],
    ['192.168.255.255', 'private'],
    ['240.0.0.1', 'private'],
    ['fd00::1', 'private'],
    ['fc00::', 'private'],
    ['64:ff9b::8.8.8.8', 'private'],
    ['64:ff9b::10.1.2.3', 'private'],
    // Judged as the IPv4 address that it contains.
    ['::ffff:10.1.2.3', 'private'],
    ['::ffff:a01:203', 'private'],
    ['0:0:0:0:0:FFFF:0A01:0203', 'private'],
    ['::ffff:8.8.8.8', 'private'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:169.254.169.254', 'forbidden'],
    ['::ffff:a9fe:a9fe', 'forbidden'],
    ['::ffff:100.100.100.200', 'forbidden'],
    ['::ffff:224.0.0.1', 'forbidden'],
    ['::ffff:0.0.0.0', 'forbidden'],
    // A translator on the path turns it into the IPv4 address.
    ['64:ff9b::169.254.169.254', 'forbidden'],
    ['64:ff9b::7f00:1', 'forbidden'],
    ['64:ff9b:1::a9fe:a9fe', 'forbidden'],
    ['64:ff9b:1:ffff:ffff:ffff:a9fe:a9fe', 'forbidden'],
    ['::ffff:0:169.254.169.254', 'forbidden'],
    ['::169.254.169.254', 'forbidden'],
    ['::127.0.0.1', 'forbidden'],
    ['::224.0.0.1', 'forbidden'],
    ['2002:a9fe:a9fe::1', 'forbidden'],
    ['2002:7f00:1::', 'forbidden'],
    ['2002:e000:1::', 'forbidden'],
    ['2002:808:808::', 'private'],
    ['fe80::1%eth0', undefined],
  ])('%s is %s', (address, kind) => {
    expect(classifyAddress(address)?.kind).toBe(kind)
  })

  it('an IPv4 address in IPv6 form counts as the IPv4 address', () => {
    expect(classifyAddress('::ffff:10.1.2.3')).toEqual({ kind: 'private', bytes: [10, 1, 2, 3], carried: undefined })
    expect(classifyAddress('64:ff9b::10.1.2.3')).toMatchObject({ carried: [10, 1, 2, 3] })
    expect(classifyAddress('2002:a01:203::')).toMatchObject({ carried: [10, 1, 2, 3] })
    expect(classifyAddress('fd00::10.1.2.3')).toMatchObject({ carried: undefined })
  })
})
