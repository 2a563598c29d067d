import type { Server } from 'node:http'
import { createMemoryNonces, createRateLimit, createResource, type Resource } from 'countersign/resource'
import { createGateway } from '../create-gateway.js'
import type { GatewayOptions } from '../gateway-options.js'
import { createSubrequestGateway } from '../subrequests/create-subrequest-gateway.js'
import type { SubrequestOptions } from '../subrequests/subrequest-options.js'
import type { LoadedGatewayConfig } from './load-gateway-config.js'

/** A gateway whose options come from a configuration. */
export interface ConfiguredGateway {
  /** Ready to listen. */
  readonly server: Server
  /** Takes another configuration, without a dropped connection. The port stays, and whether only subrequests are answered. */
  readonly use: (config: LoadedGatewayConfig) => void
  /** Ends WebSockets and idle connections to the API. */
  readonly close: () => void
}

/** @throws TypeError for what cannot be meant together */
export function createConfiguredGateway(config: LoadedGatewayConfig): ConfiguredGateway {
  // Kept when the configuration changes: a request that was used up would work again.
  const kept = { claimNonce: createMemoryNonces(), rateLimit: createRateLimit() }
  const resourceOf = ({ settings, signer }: LoadedGatewayConfig): Resource => {
    const { id, authServer, scopes, nonce, denyList, allowNetworks, egressProxy, allowInsecureLoopback } = settings
    const network = { allowNetworks, egressProxy, allowInsecureLoopback }
    const revoked = denyList ? { denyList: {} } : {}
    return createResource({ id, signer, authServer, scopes, nonce, ...network, ...revoked, ...kept })
  }
  if (config.settings.verifyOnly) {
    const optionsOf = (given: LoadedGatewayConfig): SubrequestOptions => {
      const { proxy, routes, otherwise, trustProxy } = given.settings
      return { resource: resourceOf(given), proxy, routes, otherwise, trustProxy }
    }
    const { server, use } = createSubrequestGateway(optionsOf(config))
    return { server, use: (next) => use(optionsOf(next)), close: () => undefined }
  }
  const optionsOf = (given: LoadedGatewayConfig): GatewayOptions => {
    const { upstream = '', routes, otherwise, cors, trustProxy, limits } = given.settings
    const assertion = given.settings.assertion ? { signer: given.signer } : undefined
    return { resource: resourceOf(given), upstream, routes, otherwise, cors, trustProxy, limits, assertion }
  }
  const { server, use, close } = createGateway(optionsOf(config))
  return { server, use: (next) => use(optionsOf(next)), close }
}
