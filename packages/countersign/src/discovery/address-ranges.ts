import { BlockList, isIPv4, isIPv6 } from 'node:net'

const refusedV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]

// Inside 2000::/3: Teredo and other special purposes, documentation, 6to4.
const refusedV6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

const v4 = new BlockList()
for (const [net, prefix] of refusedV4) v4.addSubnet(net, prefix, 'ipv4')
const globalV6 = new BlockList()
globalV6.addSubnet('2000::', 3, 'ipv6')
const v6 = new BlockList()
for (const [net, prefix] of refusedV6) v6.addSubnet(net, prefix, 'ipv6')

/**
 * Whether an address is on the public internet (RFC 6890): not private, loopback, link-local, shared, multicast or
 * reserved, and not an IPv6 form that carries an IPv4 address.
 */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !v4.check(address, 'ipv4')
  return isIPv6(address) && globalV6.check(address, 'ipv6') && !v6.check(address, 'ipv6')
}
