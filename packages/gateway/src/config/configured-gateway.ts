import cluster from 'node:cluster'
import { dirname, resolve } from 'node:path'
import type { ClaimNonce, OnEvent, Signer } from 'countersign'
import type { RevokedTokens } from 'countersign/editions'
import { createRevokedTokens } from 'countersign/editions/draft-11'
import { fileRevokedTokens } from 'countersign/node'
import {
  createMemoryNonces,
  createRateLimit,
  createResource,
  type RateLimit,
  type Resource,
  serveEditions,
} from 'countersign/resource'
import { createMcpSessions, type McpSessions } from 'countersign/resource/mcp'
import { createGateway } from '../create-gateway.js'
import { gatewayEditions } from '../editions/gateway-editions.js'
import type { Gateway, GatewayOptions } from '../gateway-options.js'
import { createSubrequestGateway, type SubrequestOptions } from '../subrequests/create-subrequest-gateway.js'
import type { UpstreamOptions } from '../upstream.js'
import type { GatewaySettings } from './gateway-schema.js'
import type { LoadedGatewayConfig, ReadGatewaySettings } from './load-gateway-config.js'

/** Request memory that several processes share. */
export interface SharedMemory {
  /** Remembers nonces for all processes. */
  claimNonce: ClaimNonce
  /** Counts requests for all processes. */
  rateLimit: RateLimit
  /** Remembers revoked tokens for all processes. Required for editions in which auth servers report revocations to the gateway. */
  revokedTokens?: RevokedTokens | undefined
  /** Remembers the owners of MCP sessions. @default in this process, which does not suffice for several processes with `mcp` */
  mcpSessions?: McpSessions | undefined
}

export interface ConfiguredGatewayOptions {
  /** Request memory, required if several processes must share it. @default in this process */
  shared?: SharedMemory | undefined
  /** Receives the events of the gateway and of its resource. @default none */
  onEvent?: OnEvent | undefined
}

/** The settings of one edition. */
type EditionSettings = Pick<GatewaySettings, 'edition' | 'authServer' | 'authServers'> & {
  denyList?: boolean | undefined
}

/** Opens the store of revoked tokens that a configuration chooses: its `stateFolder` or, without one, the memory of this process. */
export function openRevokedTokens({ file, settings }: ReadGatewaySettings): RevokedTokens {
  const { stateFolder } = settings
  return stateFolder === undefined ? createRevokedTokens() : fileRevokedTokens(resolve(dirname(file), stateFolder))
}

/**
 * Creates a gateway from a configuration. `use` applies another configuration, which must not change the port or `verifyOnly`.
 *
 * @throws TypeError for contradictory settings, in a cluster worker without `shared`, because each worker would accept the same request once
 * (G12), and in editions with reported revocations for a `shared` without `revokedTokens`, because each process would receive only some of
 * them
 */
export function createConfiguredGateway(
  config: LoadedGatewayConfig,
  { shared, onEvent }: ConfiguredGatewayOptions = {},
): Gateway<LoadedGatewayConfig> {
  if (cluster.isWorker && !shared)
    throw new TypeError(
      'a cluster worker requires shared.claimNonce: without it, each worker would accept the same signed request once',
    )
  // Kept across configuration changes: a used nonce stays used, a revoked token stays revoked, and clients keep their sessions.
  const mcpSessions = shared?.mcpSessions ?? (cluster.isWorker ? undefined : createMcpSessions())
  const { claimNonce, rateLimit } = shared ?? { claimNonce: createMemoryNonces(), rateLimit: createRateLimit() }
  const revokedTokens = shared ? shared.revokedTokens : openRevokedTokens(config)

  function resourceOf({ settings, signer, otherSigners }: LoadedGatewayConfig): Resource {
    const { id, scopes, nonce, allowNetworks, egressProxy, allowInsecureLoopback, otherEditions = [] } = settings
    const memory = { claimNonce, rateLimit }
    const common = { id, scopes, nonce, onEvent, allowNetworks, egressProxy, allowInsecureLoopback, ...memory }
    const createIn = (
      { edition: name, authServer, authServers, denyList }: EditionSettings,
      own: Signer | undefined,
    ) => {
      const { edition, receivesRevocations } = gatewayEditions[name]
      if (receivesRevocations && !revokedTokens)
        throw new TypeError(
          `${edition.name} requires shared.revokedTokens: without it, each process would accept the tokens that were revoked at another one`,
        )
      if (!own) throw new TypeError(`otherSigners must contain the key of ${name}`)
      const revoked = { ...(denyList && { denyList: {} }), ...(receivesRevocations && { revokedTokens }) }
      return createResource({ ...common, edition, signer: own, authServer, authServers, ...revoked })
    }
    const resource = createIn(settings, signer)
    if (otherEditions.length === 0) return resource
    return serveEditions(resource, ...otherEditions.map((other, at) => createIn(other, otherSigners[at])))
  }

  function commonOptions(given: LoadedGatewayConfig) {
    const { settings, signer } = given
    const { routes, otherwise, frontController, trustProxy, mcp } = settings
    const upstream: UpstreamOptions = settings.upstream ?? { url: '' }
    if (mcp.length > 0 && settings.verifyOnly)
      throw new TypeError('mcp cannot be protected with verifyOnly: proxies do not pass on the body')
    if (mcp.length > 0 && !mcpSessions)
      throw new TypeError(
        'a cluster worker requires shared.mcpSessions for mcp: without it, only one worker would know each session',
      )
    const assertion = settings.assertion ? { signer, audience: upstream.url } : undefined
    return { resource: resourceOf(given), routes, otherwise, frontController, trustProxy, upstream, assertion }
  }
  const optionsOf = (given: LoadedGatewayConfig): GatewayOptions => {
    const { accept, cors, limits, mcp } = given.settings
    return { ...commonOptions(given), accept, cors, limits, mcp, mcpSessions }
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
          throw new TypeError(`verifyOnly cannot be changed to ${!verifyOnly} while the gateway is running: restart it`)
        gateway.use(from(next))
      },
    }
  }
  return verifyOnly ? configured(createSubrequestGateway, subrequestOptionsOf) : configured(createGateway, optionsOf)
}
