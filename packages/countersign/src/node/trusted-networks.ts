import { BlockList, isIP } from 'node:net'

/**
 * Whether a peer is among addresses and networks, such as `10.0.0.0/8`, whose word is believed.
 *
 * @throws TypeError for what is neither, and for networks that hold about everybody
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
  if (firstOctetsIn(all) >= 128) throw new TypeError(`the proxies are ${everybody}`)
  return (peer) => {
    const address = plainAddress(peer)
    return isIP(address) !== 0 && all.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
}

/** The address; an IPv4 address in the form of IPv6 (`::ffff:192.0.2.1`), as sockets of both families show it, as IPv4. */
export function plainAddress(address: string): string {
  return address.toLowerCase().startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address
}

/** Why an address or a network cannot be trusted, to go after what it is; undefined where it can. */
export function trustedNetworkProblem(network: string): string | undefined {
  const [base = '', bits, ...rest] = network.split('/')
  const longest = { 4: 32, 6: 128 }[isIP(base)]
  const isWritten = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (longest ?? -1))
  if (longest === undefined || rest.length > 0 || !isWritten)
    return 'must be an address or a network, such as 10.0.0.0/8'
  const alone = new BlockList()
  add(alone, network)
  const isWide =
    firstOctetsIn(alone) > 1 || (longest === 128 && Number(bits ?? 128) < 16 && !isPrivate(base, Number(bits)))
  return isWide ? `is ${everybody}` : undefined
}

const everybody =
  'everybody, and any client could then claim any address: name your proxies alone, such as 10.0.0.7 or 10.0.0.0/24'

function add(networks: BlockList, network: string): void {
  const [base = '', bits] = network.split('/')
  const family = isIP(base) === 6 ? 'ipv6' : 'ipv4'
  if (bits === undefined) networks.addAddress(base, family)
  else networks.addSubnet(base, Number(bits), family)
}

/** Of how many of the 256 first octets there are IPv4 addresses in it, also where they are written in IPv6. */
function firstOctetsIn(networks: BlockList): number {
  return Array.from({ length: 256 }, (_, octet) => `${octet}.1.1.1`).filter((address) => networks.check(address)).length
}

/** Whether all of an IPv6 network is private or link-local. */
function isPrivate(base: string, bits: number): boolean {
  const first = Number.parseInt(base.split(':')[0] ?? '', 16)
  return ((first & 0xfe00) === 0xfc00 && bits >= 7) || ((first & 0xffc0) === 0xfe80 && bits >= 10)
}
