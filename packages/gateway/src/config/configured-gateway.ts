import cluster from 'node:cluster'
import type { ClaimNonce, OnEvent } from 'countersign'
import { createMemoryNonces, createRateLimit, createResource, type RateLimit } from 'countersign/resource'
import { createMcpSessions, type McpSessions } from 'countersign/resource/mcp'
import { createGateway } from '../create-gateway.js'
import type { Gateway, GatewayOptions } from '../gateway-options.js'
import { createSubrequestGateway, type SubrequestOptions } from '../subrequests/create-subrequest-gateway.js'
import type { LoadedGatewayConfig } from './load-gateway-config.js'

/** Memory of requests that several processes share. */
export interface SharedMemory {
  /** Remembers nonces for all of them. */
  claimNonce: ClaimNonce
  /** Counts requests for all of them. */
  rateLimit: RateLimit
  /** Remembers who owns the sessions of MCP servers. @default in this process: not for several with `mcp` */
  mcpSessions?: McpSessions | undefined
}

export interface ConfiguredGatewayOptions {
  /** Memory of requests, if several processes must share it. @default in this process */
  shared?: SharedMemory | undefined
  /** Receives the events of the gateway and of its resource. @default none */
  onEvent?: OnEvent | undefined
}

/**
 * Creates a gateway from a configuration. `use` applies another one, which keeps the port and `verifyOnly`.
 *
 * @throws TypeError for contradictory settings, and in a worker of a cluster without `shared`: a request would be accepted once in each
 * (G12)
 */
export function createConfiguredGateway(
  config: LoadedGatewayConfig,
  { shared, onEvent }: ConfiguredGatewayOptions = {},
): Gateway<LoadedGatewayConfig> {
  if (cluster.isWorker && !shared)
    throw new TypeError(
      'a worker of a cluster needs shared.claimNonce: otherwise a signed request is accepted once in each',
    )
  // Kept when the configuration changes: a used nonce stays used, and clients keep their sessions.
  const mcpSessions = shared?.mcpSessions ?? (cluster.isWorker ? undefined : createMcpSessions())
  const { claimNonce, rateLimit } = shared ?? { claimNonce: createMemoryNonces(), rateLimit: createRateLimit() }

  function commonOptions({ settings, signer }: LoadedGatewayConfig) {
    const { id, authServer, scopes, nonce, denyList, allowNetworks, egressProxy, allowInsecureLoopback } = settings
    const { routes, otherwise, frontController, trustProxy, mcp, upstream = { url: '' } } = settings
    if (mcp.length > 0 && settings.verifyOnly)
      throw new TypeError('mcp cannot be protected with verifyOnly: proxies do not show the body')
    if (mcp.length > 0 && !mcpSessions)
      throw new TypeError('a worker of a cluster needs shared.mcpSessions for mcp: otherwise only one knows a session')
    const network = { allowNetworks, egressProxy, allowInsecureLoopback }
    const revoked = denyList ? { denyList: {} } : {}
    const known = { id, signer, authServer, scopes, nonce, claimNonce, rateLimit, onEvent }
    const resource = createResource({ ...known, ...network, ...revoked })
    const assertion = settings.assertion ? { signer, audience: upstream.url } : undefined
    return { resource, routes, otherwise, frontController, trustProxy, upstream, assertion }
  }
  const optionsOf = (given: LoadedGatewayConfig): GatewayOptions => {
    const { cors, limits, mcp } = given.settings
    return { ...commonOptions(given), cors, limits, mcp, mcpSessions }
  }
  const subrequestOptionsOf = (given: LoadedGatewayConfig): SubrequestOptions => {
    const { proxy, limits } = given.settings
    const { connections, connectionsPerAddress } = limits
    return { ...commonOptions(given), proxy, limits: { connections, connectionsPerAddress } }
  }

  const { verifyOnly } = config.settings
  function configured<Options>(
    create: (options: Options) => Gateway<Options>,
    from: (given: LoadedGatewayConfig) => Options,
  ): Gateway<LoadedGatewayConfig> {
    const gateway = create(from(config))
    return {
      ...gateway,
      use(next) {
        if (next.settings.verifyOnly !== verifyOnly)
          throw new TypeError(`verifyOnly cannot become ${!verifyOnly} while the gateway runs: start it again`)
        gateway.use(from(next))
      },
    }
  }
  return verifyOnly ? configured(createSubrequestGateway, subrequestOptionsOf) : configured(createGateway, optionsOf)
}
