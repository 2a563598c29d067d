import type { Server } from 'node:http'
import { limitConnections } from 'countersign/node'
import type { GatewaySetup } from './gateway-setup.js'

/** Limits the connections of a gateway's server by its current options. Bodies have separate limits. */
export function limitGatewayConnections(server: Server, current: () => GatewaySetup): void {
  limitConnections(server, {
    get total() {
      return current().limits.connections
    },
    get perAddress() {
      return current().limits.connectionsPerAddress
    },
    get perNetwork() {
      const { connections, connectionsPerAddress } = current().limits
      return Math.max(Math.ceil(connections / 2), connectionsPerAddress)
    },
    busyFrom: 'head',
    onClosed: (outcome) => current().tell?.({ kind: 'connection', outcome }),
    isExempt: (peer) => current().isProxy(peer),
  })
}
