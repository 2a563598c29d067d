import { isIPv4, isIPv6 } from 'node:net'

/** The bytes of an address: 4 or 16. */
export type AddressBytes = readonly number[]

/** A range of addresses with a common prefix. */
export interface Network {
  bytes: AddressBytes
  /** Length of the prefix, in bits. */
  prefix: number
}

/** Parses an address. Returns undefined for other text, and for an address with a zone (`fe80::1%eth0`). */
function parseAddress(text: string): AddressBytes | undefined {
  if (isIPv4(text)) return text.split('.').map(Number)
  if (!isIPv6(text) || text.includes('%')) return undefined
  const [head = '', tail] = text.split('::')
  const [left, right] = [bytesOfGroups(head), bytesOfGroups(tail ?? '')]
  return [...left, ...Array<number>(16 - left.length - right.length).fill(0), ...right]
}

/** Parses a network such as `10.0.0.0/8`; undefined if it is invalid. Host bits are kept. */
export function parseNetwork(cidr: string): Network | undefined {
  const [, address = '', digits] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(cidr) ?? []
  const bytes = parseAddress(address)
  const prefix = Number(digits)
  return bytes && prefix <= bytes.length * 8 ? { bytes, prefix } : undefined
}

/** @throws TypeError if the text is not a network */
export function requireNetwork(cidr: string): Network {
  const network = parseNetwork(cidr)
  if (network) return network
  throw new TypeError(`not a network: ${cidr}`)
}

/** Whether an address is in a network. Always false for a network of the other address family. */
export function isInNetwork(address: AddressBytes, { bytes, prefix }: Network): boolean {
  if (address.length !== bytes.length) return false
  return bytes.every((byte, at) => ((byte ^ (address[at] ?? 0)) & maskOf(prefix, at)) === 0)
}

/** Whether two networks overlap. If they do, the wider network contains the narrower one. */
function networksOverlap(one: Network, other: Network): boolean {
  return isInNetwork(one.bytes, other) || isInNetwork(other.bytes, one)
}

/** The first address of a network: all host bits are 0. */
export function firstAddress({ bytes, prefix }: Network): AddressBytes {
  return bytes.map((byte, at) => byte & maskOf(prefix, at))
}

export function serializeAddress(bytes: AddressBytes): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, at) =>
    ((bytes[2 * at] ?? 0) * 256 + (bytes[2 * at + 1] ?? 0)).toString(16),
  )
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

/**
 * How an address is treated when connecting.
 *
 * `public`: on the public internet. `private`: in a private network, or reserved. `loopback`: this machine. `forbidden`: never connected to
 * (link-local, multicast, unspecified, and cloud metadata services).
 */
export type AddressKind = 'public' | 'private' | 'loopback' | 'forbidden'

/** IPv4 networks that are not public: the IANA registry of special-purpose addresses (RFC 6890), and multicast. */
const specialV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
].map(requireNetwork)

/** The IPv6 range allocated for global unicast. */
const globalV6 = requireNetwork('2000::/3')

/** Special ranges within the global unicast range: Teredo and other special purposes, documentation, 6to4. */
const specialV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'].map(requireNetwork)

const loopback = ['127.0.0.0/8', '::1/128'].map(requireNetwork)

const forbidden = [
  '0.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '255.255.255.255/32',
  '::/128',
  'fe80::/10',
  'ff00::/8',
  // Alibaba Cloud, Azure, and Oracle Cloud's older address.
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
  // Amazon, Google Cloud, Oracle Cloud, Scaleway.
  'fd00:ec2::/32',
  'fd20:ce::254/128',
  'fd00:c1::a9fe:a9fe/128',
  'fd00:42::42/128',
].map(requireNetwork)

/** IPv4-mapped IPv6 addresses, which the local machine treats as IPv4 (RFC 4291 §2.5.5.2). */
const mapped = requireNetwork('::ffff:0:0/96')

/** IPv6 addresses that the network translates to an embedded IPv4 address: in the last bytes, or, in 6to4 addresses, in the middle. */
const translated = ['::/96', '::ffff:0:0:0/96', '64:ff9b::/96', '64:ff9b:1::/48'].map(requireNetwork)
const sixToFour = requireNetwork('2002::/16')

/** The classification of an address. */
export interface ClassifiedAddress {
  kind: AddressKind
  /** The effective address; for an IPv4-mapped address, the IPv4 address. */
  bytes: AddressBytes
  /** The IPv4 address to which the network translates the address. */
  carried: AddressBytes | undefined
}

/** Classifies an address; undefined if the text is not an address. */
export function classifyAddress(text: string): ClassifiedAddress | undefined {
  const written = parseAddress(text)
  if (!written) return undefined
  const isMapped = isInNetwork(written, mapped)
  const bytes = isMapped ? written.slice(12) : written
  const carried = carriedAddress(bytes)
  const kind = kindOf(bytes)
  if (kind === 'loopback') return { kind, bytes, carried: undefined }
  if (carried && ['forbidden', 'loopback'].includes(kindOf(carried))) return { kind: 'forbidden', bytes, carried }
  // No public name resolves to an address in this form.
  return { kind: isMapped && kind === 'public' ? 'private' : kind, bytes, carried }
}

/** Whether an address is on the public internet, and is not an IPv6 address that embeds an IPv4 address. */
export function isPublicAddress(address: string): boolean {
  return classifyAddress(address)?.kind === 'public'
}

/** Whether a network contains a public address. */
export function hasPublicAddresses(network: Network): boolean {
  if (isWithinOne(network, [...specialV4, ...specialV6])) return false
  return network.bytes.length === 4 || networksOverlap(network, globalV6)
}

/** Whether a network contains no address that could be allowed. */
export function isNeverAllowed(network: Network): boolean {
  return isWithinOne(network, [...forbidden, ...loopback])
}

/** Whether an IPv4 network is written as IPv4-mapped IPv6. */
export function isMappedNetwork(network: Network): boolean {
  return isWithinOne(network, [mapped])
}

export function kindOf(bytes: AddressBytes): AddressKind {
  if (isInOne(bytes, forbidden)) return 'forbidden'
  if (isInOne(bytes, loopback)) return 'loopback'
  if (bytes.length === 4) return isInOne(bytes, specialV4) ? 'private' : 'public'
  return isInNetwork(bytes, globalV6) && !isInOne(bytes, specialV6) ? 'public' : 'private'
}

function carriedAddress(bytes: AddressBytes): AddressBytes | undefined {
  if (isInNetwork(bytes, sixToFour)) return bytes.slice(2, 6)
  return isInOne(bytes, translated) ? bytes.slice(12) : undefined
}

function isInOne(bytes: AddressBytes, list: readonly Network[]): boolean {
  return list.some((network) => isInNetwork(bytes, network))
}

function isWithinOne(network: Network, list: readonly Network[]): boolean {
  return list.some((outer) => outer.prefix <= network.prefix && isInNetwork(network.bytes, outer))
}

/** The prefix mask for the byte at a position. */
function maskOf(prefix: number, at: number): number {
  const bits = Math.min(Math.max(prefix - 8 * at, 0), 8)
  return (0xff << (8 - bits)) & 0xff
}

function bytesOfGroups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number)
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}
