import { createClientAddress, createTrustedPeers } from 'countersign/node'
import type { Log } from 'countersign/observability'

/** Addresses that are told of at most: anybody who reaches the port can send the header. */
const most = 16

/** Looks at who sends `X-Forwarded-For`. */
export type ForwardedWatch = (peer: string | undefined, rawHeaders: readonly string[]) => void

/**
 * Tells once of each address that sends `X-Forwarded-For` and is not among the proxies: if it is one, all clients behind it are
 * one address, and are limited together.
 */
export function watchForwarded(trusted: readonly string[], log: Pick<Log, 'write'>): ForwardedWatch {
  const isProxy = createTrustedPeers(trusted)
  const addressOf = createClientAddress([])
  const told = new Set<string | undefined>()
  return (peer, rawHeaders) => {
    if (told.size === most || peer === undefined || isProxy(peer)) return
    const address = addressOf(peer, rawHeaders)
    if (told.has(address) || !rawHeaders.some(isForwardedFor)) return
    told.add(address)
    log.write('warn', 'proxy.not_trusted', {
      address,
      mend: 'If this is your proxy, add its address to trustProxy and restart: until then everyone behind it counts as one address, and under overload has one share. If not, let a firewall pass only the proxy to this port.',
    })
  }
}

const isForwardedFor = (name: string, at: number) => at % 2 === 0 && name.toLowerCase() === 'x-forwarded-for'
