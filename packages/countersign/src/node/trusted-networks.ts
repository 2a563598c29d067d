import { BlockList, isIP } from 'node:net'
import { groupsOf } from '../lib/network-of.js'

/**
 * Returns a function that checks whether a peer’s address is one of the given addresses or networks, such as `10.0.0.0/8`.
 *
 * @throws TypeError for invalid entries, and for networks that cover too much of the Internet
 * @example
 * ```ts
 * const isProxy = createTrustedPeers(['127.0.0.1'])
 * console.log(isProxy('::ffff:127.0.0.1')) // true
 * ```
 */
export function createTrustedPeers(trusted: readonly string[]): (peer: string) => boolean {
  const all = new BlockList()
  for (const network of trusted) {
    const problem = trustedNetworkProblem(network)
    if (problem !== undefined) throw new TypeError(`the proxy ${JSON.stringify(network)} ${problem}`)
    add(all, network)
  }
  const problem = trustedNetworksProblem(trusted)
  if (problem !== undefined) throw new TypeError(`the proxies ${problem}`)
  if (trusted.length === 0) return () => false
  // A lookup in Node's BlockList allocates an object per address, and most trusted peers are listed as single addresses.
  const named = new Set(trusted.filter((network) => isIP(network) !== 0))
  return (peer) => {
    const address = plainAddress(peer)
    if (named.has(address)) return true
    return isIP(address) !== 0 && all.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
}

/** The address, with `::ffff:192.0.2.1` converted to `192.0.2.1`. */
function plainAddress(address: string): string {
  return address.toLowerCase().startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address
}

/** Why an address or a network cannot be trusted, as text that follows its name. Undefined if it can be trusted. */
export function trustedNetworkProblem(network: string): string | undefined {
  const [base = '', bits, ...rest] = network.split('/')
  const longest = base.includes('%') ? undefined : { 4: 32, 6: 128 }[isIP(base)]
  const isWritten = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (longest ?? -1))
  if (longest === undefined || rest.length > 0 || !isWritten)
    return 'must be an address or a network, such as 10.0.0.0/8'
  const isWide =
    partOf(mappedIpv4, [network]) > 1 / 256 ||
    (longest === 128 && Number(bits ?? 128) < 16 && !isPrivate(base, Number(bits)))
  return isWide ? `is ${tooBroad}` : undefined
}

/** Why networks that can be trusted individually must not be trusted together. Undefined if they can be trusted together. */
export function trustedNetworksProblem(networks: readonly string[]): string | undefined {
  const isWide = [mappedIpv4, globalIpv6].some((scope) => partOf(scope, networks) > 1 / 4)
  return isWide ? `together cover ${tooBroad}` : undefined
}

const tooBroad =
  'too much of the Internet, so too many clients could claim any address: list only your proxies, such as 10.0.0.7 or 10.0.0.0/24'

function add(networks: BlockList, network: string): void {
  const [base = '', bits] = network.split('/')
  const family = isIP(base) === 6 ? 'ipv6' : 'ipv4'
  if (bits === undefined) networks.addAddress(base, family)
  else networks.addSubnet(base, Number(bits), family)
}

/** Whether an IPv6 network is entirely private or link-local. */
function isPrivate(base: string, bits: number): boolean {
  const first = Number.parseInt(base.split(':')[0] ?? '', 16)
  return ((first & 0xfe00) === 0xfc00 && bits >= 7) || ((first & 0xffc0) === 0xfe80 && bits >= 10)
}

/** A range of IPv6 addresses as numbers, with an exclusive end. IPv4 addresses are represented as IPv4-mapped addresses. */
interface Range {
  from: bigint
  to: bigint
}

const mappedIpv4 = rangeOf('::ffff:0:0/96')
/** The global unicast range of IPv6. */
const globalIpv6 = rangeOf('2000::/3')

function rangeOf(network: string): Range {
  const [base = '', bits] = network.split('/')
  const isIpv4 = isIP(base) === 4
  const prefix = bits === undefined ? 128 : Number(bits) + (isIpv4 ? 96 : 0)
  const size = 1n << BigInt(128 - prefix)
  const address = numberOf(isIpv4 ? `::ffff:${base}` : base)
  const from = address - (address % size)
  return { from, to: from + size }
}

function numberOf(ipv6: string): bigint {
  const digits = groupsOf(ipv6).map((group) => group.padStart(4, '0'))
  return BigInt(`0x${digits.join('')}`)
}

/** The fraction of a range that the networks cover, with each address counted once. Any two networks are either nested or disjoint. */
function partOf(scope: Range, networks: readonly string[]): number {
  const ranges = networks.map(rangeOf)
  if (ranges.some(({ from, to }) => from <= scope.from && to >= scope.to)) return 1
  let size = 0n
  let counted = scope.from
  for (const { from, to } of ranges.sort(byBeginning)) {
    if (from < counted || to > scope.to) continue
    size += to - from
    counted = to
  }
  return Number((size << 32n) / (scope.to - scope.from)) / 2 ** 32
}

/** Sorts by start; among networks with the same start, the largest comes first. */
function byBeginning(one: Range, other: Range): number {
  const isFirst = one.from === other.from ? one.to > other.to : one.from < other.from
  return isFirst ? -1 : 1
}

/** Determines the client address of a request. */
export type ClientAddress = (peer: string | undefined, rawHeaders: readonly string[]) => string | undefined

/**
 * Determines the client’s address. `X-Forwarded-For` is trusted only if it comes from one of the given proxies; the client is then the last
 * address in it that is not a proxy. Otherwise it is the peer’s own address, whatever the header contains.
 *
 * @param trusted addresses, or networks such as `10.0.0.0/8`
 * @throws TypeError for invalid entries, and for networks that cover too much of the Internet
 * @example
 * ```ts
 * const clientAddress = createClientAddress(['127.0.0.1'])
 * createServer(createNodeListener(resource.handler, { origin: resource.id, clientAddress })).listen(8080)
 * ```
 */
export function createClientAddress(trusted: readonly string[]): ClientAddress {
  if (!Array.isArray(trusted)) throw new TypeError(`the proxies must be a list, such as ['127.0.0.1']`)
  const isProxy = createTrustedPeers(trusted)

  return function clientAddress(peer, rawHeaders) {
    const direct = peer === undefined ? undefined : plainAddress(peer)
    if (direct === undefined || !isProxy(direct)) return direct
    let nearest = direct
    for (const hop of forwardedFor(rawHeaders).reverse()) {
      const address = plainAddress(hop)
      if (isIP(address) === 0) return nearest
      nearest = address
      if (!isProxy(address)) return address
    }
    return nearest
  }
}

function forwardedFor(rawHeaders: readonly string[]): string[] {
  return rawHeaders.flatMap((name, at) => {
    if (at % 2 === 1 || name.toLowerCase() !== 'x-forwarded-for') return []
    return (rawHeaders[at + 1] ?? '').split(',').map((part) => part.trim())
  })
}
