import cluster from 'node:cluster'
import type { Server } from 'node:http'
import type { ClaimNonce, OnEvent } from 'countersign'
import {
  createMemoryNonces,
  createRateLimit,
  createResource,
  type RateLimit,
  type Resource,
} from 'countersign/resource'
import { createMcpSessions, type McpSessions } from 'countersign/resource/mcp'
import { createGateway } from '../create-gateway.js'
import type { GatewayOptions } from '../gateway-options.js'
import { createSubrequestGateway, type SubrequestOptions } from '../subrequests/create-subrequest-gateway.js'
import type { LoadedGatewayConfig } from './load-gateway-config.js'

/** A gateway whose options come from a configuration. */
export interface ConfiguredGateway {
  /** Ready to listen. */
  readonly server: Server
  /** Takes another configuration, without a dropped connection. The port stays, and whether only subrequests are answered. */
  readonly use: (config: LoadedGatewayConfig) => void
  /** Ends WebSockets and event streams, so that the server can close; the rest goes on. */
  readonly endStreams: () => void
  /** Ends connections to the API. The server is yours to close first. */
  readonly close: () => void
}

/** What is remembered of requests, where several processes must remember it together. */
export interface SharedMemory {
  /** Remembers nonces for all of them. */
  claimNonce: ClaimNonce
  /** Counts requests for all of them. */
  rateLimit: RateLimit
  /** Remembers whose the sessions of MCP servers are. @default in this process: not for several with `mcp` */
  mcpSessions?: McpSessions | undefined
}

export interface ConfiguredGatewayOptions {
  /** What is remembered of requests, where several processes must remember it together. @default in this process */
  shared?: SharedMemory | undefined
  /** Told what the gateway and its resource tell. @default nobody is */
  onEvent?: OnEvent | undefined
}

/**
 * @throws TypeError for what cannot be meant together, and in a worker of a cluster without `shared`: a request would work once in
 * each (G12)
 */
export function createConfiguredGateway(
  config: LoadedGatewayConfig,
  { shared, onEvent }: ConfiguredGatewayOptions = {},
): ConfiguredGateway {
  if (cluster.isWorker && !shared)
    throw new TypeError('a worker of a cluster needs shared.claimNonce: else a signed request would work once in each')
  // Kept when the configuration changes: a request that was used up would work again.
  // One for all configurations: clients go on with their sessions.
  const mcpSessions = shared?.mcpSessions ?? (cluster.isWorker ? undefined : createMcpSessions())
  const { claimNonce, rateLimit } = shared ?? { claimNonce: createMemoryNonces(), rateLimit: createRateLimit() }
  const resourceOf = ({ settings, signer }: LoadedGatewayConfig): Resource => {
    const { id, authServer, scopes, nonce, denyList, allowNetworks, egressProxy, allowInsecureLoopback } = settings
    const network = { allowNetworks, egressProxy, allowInsecureLoopback }
    const revoked = denyList ? { denyList: {} } : {}
    return createResource({
      id,
      signer,
      authServer,
      scopes,
      nonce,
      ...network,
      ...revoked,
      claimNonce,
      rateLimit,
      onEvent,
    })
  }
  const { verifyOnly } = config.settings
  const requireSameKind = ({ settings }: LoadedGatewayConfig): void => {
    if (settings.verifyOnly !== verifyOnly)
      throw new TypeError(`verifyOnly cannot become ${settings.verifyOnly} while the gateway runs: start it again`)
  }
  if (verifyOnly) {
    const optionsOf = (given: LoadedGatewayConfig): SubrequestOptions => {
      const { proxy, routes, otherwise, frontController, trustProxy, upstream, mcp } = given.settings
      const { connections, connectionsPerAddress } = given.settings.limits
      const limits = { connections, connectionsPerAddress }
      if (mcp.length > 0)
        throw new TypeError('mcp cannot be protected with verifyOnly: no proxy shows what is asked for')
      // The API compares one name, whichever way it is asked.
      const assertion = given.settings.assertion ? { signer: given.signer, audience: upstream?.url ?? '' } : undefined
      const matches = { matches: upstream?.matches }
      return {
        resource: resourceOf(given),
        proxy,
        routes,
        otherwise,
        frontController,
        upstream: matches,
        trustProxy,
        limits,
        assertion,
      }
    }
    const { server, use } = createSubrequestGateway(optionsOf(config))
    return {
      server,
      use(next) {
        requireSameKind(next)
        use(optionsOf(next))
      },
      endStreams: () => undefined,
      close: () => undefined,
    }
  }
  const optionsOf = (given: LoadedGatewayConfig): GatewayOptions => {
    const { mcp, upstream = { url: '' }, routes, otherwise, frontController, cors, trustProxy, limits } = given.settings
    if (mcp.length > 0 && !mcpSessions)
      throw new TypeError(
        'a worker of a cluster needs shared.mcpSessions for mcp: else a session would be known to one only',
      )
    const assertion = given.settings.assertion ? { signer: given.signer } : undefined
    return {
      resource: resourceOf(given),
      upstream,
      routes,
      otherwise,
      frontController,
      cors,
      trustProxy,
      limits,
      assertion,
      mcp,
      mcpSessions,
    }
  }
  const { server, use, endStreams, close } = createGateway(optionsOf(config))
  return {
    server,
    use(next) {
      requireSameKind(next)
      use(optionsOf(next))
    },
    endStreams,
    close,
  }
}
