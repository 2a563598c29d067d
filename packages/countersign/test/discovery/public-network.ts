import dns, { type LookupAddress, type LookupOptions } from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import { onTestFinished } from 'vitest'

interface ConnectOptions {
  host?: string
  port?: number
  lookup?: (hostname: string, options: object, callback: LookupCallback) => void
}

/** Called with all addresses, or with one address and its family. */
type LookupCallback = (error: Error | null, addresses: LookupAddress[] | string, family?: number) => void

export interface PublicNetwork {
  /** Names that were resolved, in order. */
  resolved: string[]
  /** Addresses that a connection was allowed to, as returned by the caller's own `lookup`. */
  connected: string[]
  /** The hints of each lookup. */
  hints: (number | undefined)[]
  /** Delay of DNS responses, in milliseconds. */
  answerAfter: number
}

/**
 * Simulates a public network for one test: names resolve to the given addresses (one list per lookup, the last one repeated), and
 * connections to any of these addresses reach the server on the loopback port.
 */
export function simulatePublicNetwork(
  names: Readonly<Record<string, readonly (readonly string[])[]>>,
  port: number,
): PublicNetwork {
  const network: PublicNetwork = { resolved: [], connected: [], hints: [], answerAfter: 0 }
  const { lookup } = dns
  // oxlint-disable-next-line typescript/unbound-method -- put back as it was, and only called with its own socket
  const { connect } = net.Socket.prototype
  const answer = (hostname: string, options: LookupOptions, callback: LookupCallback) => {
    // A server that starts to listen also performs a lookup.
    if (net.isIP(hostname) !== 0) return Reflect.apply(lookup, dns, [hostname, options, callback]) as undefined
    const answers = names[hostname]
    const asked = network.resolved.filter((name) => name === hostname).length
    network.resolved.push(hostname)
    network.hints.push(options.hints)
    const addresses = answers?.[Math.min(asked, answers.length - 1)]
    const tell = () => {
      if (!addresses) return callback(Object.assign(new Error(`ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' }), [])
      const [first = ''] = addresses
      if (options.all !== true) return callback(null, first, net.isIP(first))
      return callback(
        null,
        addresses.map((address) => ({ address, family: net.isIP(address) })),
      )
    }
    if (network.answerAfter === 0) tell()
    else setTimeout(tell, network.answerAfter).unref()
    return undefined
  }
  Object.assign(dns, { lookup: answer })
  net.Socket.prototype.connect = function rerouted(this: net.Socket, ...given: unknown[]) {
    const options = optionsOf(given)
    const own = options?.lookup
    if (!options || !own) return Reflect.apply(connect, this, given) as net.Socket
    options.port = port
    options.lookup = (hostname, lookupOptions, callback) =>
      own(hostname, lookupOptions, (error, addresses) => {
        if (error || !Array.isArray(addresses)) return callback(error, [])
        network.connected.push(...addresses.map(({ address }) => address))
        callback(null, [{ address: '127.0.0.1', family: 4 }])
      })
    return Reflect.apply(connect, this, given) as net.Socket
  }
  syncBuiltinESMExports()
  onTestFinished(() => {
    Object.assign(dns, { lookup })
    net.Socket.prototype.connect = connect
    syncBuiltinESMExports()
  })
  return network
}

// `connect(options)` and, within Node, `connect([options, callback])`.
function optionsOf(given: readonly unknown[]): ConnectOptions | undefined {
  const [first] = given
  const candidate: unknown = Array.isArray(first) ? first[0] : first
  return typeof candidate === 'object' && candidate !== null ? candidate : undefined
}
