import { isIP } from 'node:net'
import { isIdentifier } from '../protocol/documents.js'
import {
  type AddressBytes,
  type ClassifiedAddress,
  firstAddress,
  hasPublicAddresses,
  isInNetwork,
  isMappedNetwork,
  isNeverAllowed,
  kindOf,
  type Network,
  parseNetwork,
  requireNetwork,
  serializeAddress,
} from './address-ranges.node.js'
import type { AllowedNetwork } from './network-options.js'

/** A mistake in an allowed network, and how to fix it. */
export interface AllowedNetworkProblem {
  /** The path of the invalid member, such as `['hosts', 0]`. */
  path: readonly (string | number)[]
  /** Text to append to the name of the setting: "must be …". */
  problem: string
}

/** Whether a connection to an address is allowed for a host and a port. */
export type NetworkRules = (address: ClassifiedAddress, host: string, port: number) => boolean

/**
 * Creates the rules for allowed networks.
 *
 * @throws TypeError for an invalid entry
 */
export function createNetworkRules(allowNetworks: readonly AllowedNetwork[]): NetworkRules {
  requireAllowedNetworks(allowNetworks)
  const rules = allowNetworks.map(({ cidr, hosts, ports }) => ({ network: requireNetwork(cidr), hosts, ports }))

  function isListed(bytes: AddressBytes, host: string, port: number): boolean {
    return rules.some(
      ({ network, hosts, ports }) =>
        isInNetwork(bytes, network) &&
        (hosts === undefined || hosts.some((pattern) => fitsHost(pattern, host))) &&
        (ports === undefined || ports.includes(port)),
    )
  }

  return ({ kind, bytes, carried }, host, port) => {
    if (kind !== 'private' || !isListed(bytes, host, port)) return false
    // Allowing a translation prefix does not also allow the private addresses that are reachable through it.
    return carried === undefined || kindOf(carried) === 'public' || isListed(carried, host, port)
  }
}

/** Throws a TypeError that names the invalid network and how to fix it. */
function requireAllowedNetworks(allowNetworks: readonly AllowedNetwork[]): void {
  if (!Array.isArray(allowNetworks))
    throw new TypeError(`allowNetworks must be a list, such as [{ cidr: '10.0.0.0/8' }]`)
  for (const [index, network] of (allowNetworks as readonly unknown[]).entries()) {
    const [first] = allowedNetworkProblems(network)
    if (!first) continue
    const at = first.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('')
    throw new TypeError(`allowNetworks[${index}]${at} ${first.problem}`)
  }
}

/** Returns the problems with an allowed network: invalid values, and values that are too broad to be intended. */
export function allowedNetworkProblems(network: unknown): readonly AllowedNetworkProblem[] {
  if (typeof network !== 'object' || network === null || !('cidr' in network))
    return [{ path: [], problem: `must be an object with a cidr, such as { cidr: '10.0.0.0/8' }` }]
  const { cidr, ...rest } = network
  const problems: AllowedNetworkProblem[] = []
  const cidrMistake = cidrProblem(cidr)
  if (cidrMistake !== undefined) problems.push({ path: ['cidr'], problem: cidrMistake })
  for (const [member, value] of Object.entries(rest)) {
    const check = listChecks[member]
    if (!check) problems.push({ path: [member], problem: 'is unknown: the members are cidr, hosts and ports' })
    else if (value !== undefined) problems.push(...listProblems(member, value, check))
  }
  return problems
}

const listChecks: Readonly<Record<string, (value: unknown) => string | undefined>> = {
  hosts: hostProblem,
  ports: portProblem,
}

function listProblems(
  member: string,
  value: unknown,
  check: (value: unknown) => string | undefined,
): AllowedNetworkProblem[] {
  if (!Array.isArray(value)) return [{ path: [member], problem: 'must be a list' }]
  if (value.length === 0) return [{ path: [member], problem: 'is empty, which allows nothing: omit it to allow any' }]
  return (value as readonly unknown[]).flatMap((entry, index) => {
    const problem = check(entry)
    return problem === undefined ? [] : [{ path: [member, index], problem }]
  })
}

function cidrProblem(cidr: unknown): string | undefined {
  const network = typeof cidr === 'string' ? parseNetwork(cidr) : undefined
  if (!network) {
    const family = typeof cidr === 'string' ? isIP(cidr) : 0
    return family === 0
      ? 'must be a network, such as 10.0.0.0/8 or fd00::/8'
      : `must include a prefix length: ${String(cidr)}/${family === 4 ? 32 : 128} is this address alone`
  }
  const first = firstAddress(network)
  const canonical: Network = { bytes: first, prefix: network.prefix }
  if (first.join() !== network.bytes.join())
    return `has host bits set: the network is ${serializeAddress(first)}/${network.prefix}`
  if (isMappedNetwork(canonical))
    return `must be written as IPv4: ${serializeAddress(first.slice(12))}/${network.prefix - 96}`
  if (hasPublicAddresses(canonical))
    return 'contains public addresses, which need no entry: specify your own network, such as 10.0.0.0/8'
  if (isNeverAllowed(canonical))
    return 'is always refused: loopback, link-local, multicast, unspecified and metadata addresses cannot be allowed'
  return undefined
}

function hostProblem(host: unknown): string | undefined {
  const example = 'use a name, such as agent.corp.example, or *.corp.example for all its subdomains'
  if (typeof host !== 'string') return `must be a string: ${example}`
  if (host === '*') return 'matches any name: omit hosts instead'
  const name = host.startsWith('*.') ? host.slice(2) : host
  if (name.includes('*')) return `has a * in an invalid position: ${example}`
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(name) || name.includes('/')) return `must be a host only: ${example}`
  if (isIP(name) !== 0 || name.startsWith('[')) return `is an address, but identifiers contain names: ${example}`
  if (name.includes(':')) return 'must not include a port: use ports'
  if (name !== name.toLowerCase()) return `must be lower case: ${host.toLowerCase()}`
  // An A-label host contains a dot; after `*.`, the pattern always has one.
  if (isIdentifier(`https://${host.startsWith('*.') ? `x.${name}` : name}`)) return undefined
  const ascii = URL.canParse(`https://${name}`) ? new URL(`https://${name}`).hostname : name
  return ascii !== name && isIdentifier(`https://${ascii}`)
    ? `must be in its DNS form: ${host.replace(name, ascii)}`
    : `is not a host that an identifier can have: ${example}`
}

function portProblem(port: unknown): string | undefined {
  return typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535
    ? undefined
    : 'must be a port, a whole number from 1 to 65535'
}

function fitsHost(pattern: string, host: string): boolean {
  return pattern.startsWith('*.')
    ? host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1
    : host === pattern
}
