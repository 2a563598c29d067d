import { isIP } from 'node:net'
import { createTrustedPeers, plainAddress } from './trusted-networks.js'

/** Finds the address a request came from. */
export type ClientAddress = (peer: string | undefined, rawHeaders: readonly string[]) => string | undefined

/**
 * Believes `X-Forwarded-For` only from the proxies named: the last address in it that is no such proxy. From anybody else
 * it is the peer's own address, whatever the header says.
 *
 * @param trusted addresses, or networks such as `10.0.0.0/8`
 * @throws TypeError for what is neither, and for networks that hold about everybody
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
