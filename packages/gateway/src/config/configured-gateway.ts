import { createMemoryNonces, createRateLimit, createResource } from 'countersign/resource'
import { createGateway, type Gateway } from '../create-gateway.js'
import type { GatewayOptions } from '../gateway-options.js'
import type { LoadedGatewayConfig } from './load-gateway-config.js'

/** A gateway whose options come from a configuration. */
export interface ConfiguredGateway extends Pick<Gateway, 'server' | 'close'> {
  /** Takes another configuration, without a dropped connection. The port stays. */
  readonly use: (config: LoadedGatewayConfig) => void
}

/** @throws TypeError for what cannot be meant together */
export function createConfiguredGateway(config: LoadedGatewayConfig): ConfiguredGateway {
  // Kept when the configuration changes: a request that was used up would work again.
  const kept = { claimNonce: createMemoryNonces(), rateLimit: createRateLimit() }
  const optionsOf = ({ settings, signer }: LoadedGatewayConfig): GatewayOptions => {
    const { upstream, routes, otherwise, cors, trustProxy, limits } = settings
    const { id, authServer, scopes, nonce, denyList, allowNetworks, egressProxy, allowInsecureLoopback } = settings
    const network = { allowNetworks, egressProxy, allowInsecureLoopback }
    const revoked = denyList ? { denyList: {} } : {}
    const resource = createResource({ id, signer, authServer, scopes, nonce, ...network, ...revoked, ...kept })
    return { resource, upstream, routes, otherwise, cors, trustProxy, limits }
  }
  const { server, use, close } = createGateway(optionsOf(config))
  return { server, close, use: (next) => use(optionsOf(next)) }
}
