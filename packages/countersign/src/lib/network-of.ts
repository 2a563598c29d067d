/** Prefix lengths: for one subscriber's addresses, or for a larger network that contains them. */
const sizes = {
  subscriber: { octets: 4, groups: 4 },
  site: { octets: 3, groups: 3 },
  provider: { octets: 2, groups: 2 },
} as const

/**
 * The network of an address, as text. `subscriber`: the IPv4 address, or the first 64 bits of an IPv6 address, which typically belong to
 * one subscriber. `site`: the first 24 bits of an IPv4 address, or 48 bits of an IPv6 address, so that a client with the addresses of many
 * subscribers still counts as one. `provider`: the first 16 or 32 bits. An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) counts as the IPv4
 * address.
 */
export function networkOf(address: string, size: keyof typeof sizes = 'subscriber'): string {
  const { octets, groups: count } = sizes[size]
  // Node.js reports IPv4 addresses in this form when it listens on both IPv4 and IPv6.
  const short = address.replace(/^::ffff:(?=[\d.]+$)/, '')
  if (!short.includes(':')) return firstOctets(short, octets)
  const groups = groupsOf(address)
  const ipv4 = mappedOf(groups)
  return ipv4 === undefined ? groups.slice(0, count).join(':') : firstOctets(ipv4, octets)
}

function firstOctets(ipv4: string, count: number): string {
  let end = ipv4.length
  for (let octets = 4; octets > count; octets--) end = ipv4.lastIndexOf('.', end - 1)
  return ipv4.slice(0, end)
}

/** The eight groups of an IPv6 address, without leading zeros. */
export function groupsOf(address: string): string[] {
  const [head = '', tail] = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, asGroups).split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0')
  return [...left, ...zeros, ...right].map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
}

function asGroups(_dotted: string, a: string, b: string, c: string, d: string): string {
  return `${hex(a)}${hex(b)}:${hex(c)}${hex(d)}`
}

function hex(octet: string): string {
  return Number(octet).toString(16).padStart(2, '0')
}

function mappedOf(groups: readonly string[]): string | undefined {
  const [high, low] = groups.slice(6).map((group) => Number.parseInt(group, 16))
  if (groups.slice(0, 6).join(':') !== '0:0:0:0:0:ffff' || high === undefined || low === undefined) return undefined
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}
