import { isIPv4, isIPv6 } from 'node:net'

/** An address as the numbers of its bytes: 4, or 16. */
export type AddressBytes = readonly number[]

/** A range of addresses that begin alike. */
export interface Network {
  bytes: AddressBytes
  /** How many bits of it count. */
  prefix: number
}

/** The bytes of an address as it is written; undefined for what is none, and for one with a zone (`fe80::1%eth0`). */
export function parseAddress(text: string): AddressBytes | undefined {
  if (isIPv4(text)) return text.split('.').map(Number)
  if (!isIPv6(text) || text.includes('%')) return undefined
  const [head = '', tail] = text.split('::')
  const [left, right] = [bytesOfGroups(head), bytesOfGroups(tail ?? '')]
  return [...left, ...Array<number>(16 - left.length - right.length).fill(0), ...right]
}

/** Reads `10.0.0.0/8`; undefined for what is no network. Bits behind the prefix are kept as they are. */
export function parseNetwork(cidr: string): Network | undefined {
  const [, address = '', digits] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(cidr) ?? []
  const bytes = parseAddress(address)
  const prefix = Number(digits)
  return bytes && prefix <= bytes.length * 8 ? { bytes, prefix } : undefined
}

/** @throws TypeError for what is no network */
export function requireNetwork(cidr: string): Network {
  const network = parseNetwork(cidr)
  if (network) return network
  throw new TypeError(`no network: ${cidr}`)
}

/** Whether an address is in a network; one of the other family is not. */
export function isInNetwork(address: AddressBytes, { bytes, prefix }: Network): boolean {
  if (address.length !== bytes.length) return false
  return bytes.every((byte, at) => ((byte ^ (address[at] ?? 0)) & maskOf(prefix, at)) === 0)
}

/** Whether two networks have addresses in common: the wider one then has all of the other. */
export function networksOverlap(one: Network, other: Network): boolean {
  return isInNetwork(one.bytes, other) || isInNetwork(other.bytes, one)
}

/** The first address of a network: the bits behind its prefix are 0. */
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

/** The bits of the byte at a position that belong to the prefix. */
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
