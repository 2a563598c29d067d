import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ClientAddress, createClientAddress, createEmitter, createTrustedPeers, type Emit } from 'countersign/node'
import type { Resource } from 'countersign/resource'
import { createMcpSessions, type ProtectedMcp, protectMcp } from 'countersign/resource/mcp'
import type { Spool } from './bodies/buffered-upload.js'
import { observeResource, type ServerRequest } from './events.js'
import {
  defaultLimits,
  type GatewayLimits,
  type GatewayOptions,
  gatewayOptions,
  type McpPath,
} from './gateway-options.js'
import { createRedirectRewrite, type RedirectRewrite, type Withheld } from './headers.js'
import type { AssertionSetup } from './identity.js'
import { type CorsOptions, originProblem, type PageAccess } from './responses/cors.js'
import type { TunnelEnd } from './responses/tunnel.js'
import { type ClosedPath, createClosedPaths, mcpPathProblems } from './routes/closed-paths.js'
import { isMetadataPath, metadataPaths, oauthProblems } from './routes/oauth-paths.js'
import {
  type Accept,
  acceptProblem,
  acceptsOAuth,
  encodedWithoutRaw,
  type Route,
  routeProblems,
} from './routes/route.js'
import { passAroundMcp } from './routes/route-collisions.js'
import type { GatewayRules } from './routes/route-table.js'
import { createRouteTable } from './routes/route-table.js'
import { type Connections, parseUpstream, type Upstream, upstreamOptions } from './upstream.js'

/** The validated options of a gateway, ready for use. */
export interface GatewaySetup {
  resource: Resource
  /** Emits an event. Undefined if there is no listener. */
  tell: Emit | undefined
  origin: URL
  upstream: Upstream
  /** The `Host` that the upstream receives. */
  upstreamHost: string
  rewriteRedirects: RedirectRewrite
  rules: GatewayRules & { acceptsOAuth: boolean; withheld: Withheld }
  cors: PageAccess | undefined
  clientAddress: ClientAddress
  limits: typeof defaultLimits & { connectionsPerAddress: number }
  /** Whether a peer is a trusted proxy. */
  isProxy: (peer: string) => boolean
  /** MCP servers by path. */
  mcp: ReadonlyMap<string, McpServer>
  /** The paths that the resource serves, without the metadata of endpoints that no longer accept OAuth. */
  publishedPaths: ReadonlySet<string>
  /** The paths of the metadata of OAuth resources. */
  oauthDocuments: ReadonlySet<string>
  assertion: AssertionSetup | undefined
}

/** An MCP server, as it is protected. */
export interface McpServer {
  protected: ProtectedMcp
  /** Whether OAuth access tokens are accepted. */
  acceptsOAuth: boolean
  withheld: Withheld
}

/** State that is shared by all of a gateway's requests, and that persists when new options are applied. */
export interface GatewayShared {
  connections: Connections
  spool: Spool
  /** Functions that close each WebSocket when the gateway stops, keyed by the client's socket. */
  tunnels: Map<Duplex, () => void>
  /** Functions that end each event stream when the gateway stops. */
  streams: Set<() => void>
}

/** A request to the gateway, and its response. */
export interface Exchange {
  incoming: ServerRequest
  outgoing: ServerResponse
  /** Whether the client is waiting for `100 Continue` before it sends its body. */
  waits: boolean
  /** For a WebSocket handshake: the connection, and the bytes that followed the head. */
  upgrade?: TunnelEnd
}

/** @throws TypeError for invalid or contradictory options */
export function setUpGateway(options: GatewayOptions): GatewaySetup {
  const { resource, otherwise = 'refuse', cors, trustProxy = [], limits = {}, assertion, mcp = [] } = options
  const routes = options.routes ?? (mcp.length > 0 ? [] : undefined)
  const { mcpSessions = createMcpSessions(), frontController = false, accept } = options
  const upstream = upstreamOptions(options.upstream)
  requireNames('createGateway', options, Object.keys(gatewayOptions))
  requireNames('limits', limits, [...Object.keys(defaultLimits), 'connectionsPerAddress'])
  if (typeof resource?.verify !== 'function') throw new TypeError('resource must be the result of createResource')
  if (!Array.isArray(routes)) throw new TypeError("routes must be a list: [{ method: 'GET', path: '/events', … }]")
  if (otherwise !== 'refuse' && otherwise !== 'pass') throw new TypeError("otherwise must be 'refuse' or 'pass'")
  for (const [at, route] of (routes as readonly Route[]).entries())
    for (const { member, problem } of problemsOf(route, resource))
      throw new TypeError(`routes[${at}].${member} ${problem}`)
  if (upstream.matches !== undefined && upstream.matches !== 'raw')
    throw new TypeError("upstream.matches can only be 'raw'")
  if (!['boolean', 'undefined'].includes(typeof upstream.preserveHost))
    throw new TypeError('upstream.preserveHost must be true or false')
  if (typeof frontController !== 'boolean') throw new TypeError('frontController must be true or false')
  const [unmatched] = encodedWithoutRaw(routes.entries(), upstream)
  if (unmatched) throw new TypeError(`${unmatched.setting} ${unmatched.problem}`)
  for (const [name, value] of Object.entries(limits))
    if (value !== undefined && !(typeof value === 'number' && value > 0))
      throw new TypeError(`limits.${name} must be a number greater than 0`)
  requireOrigins(cors)
  requireAccept(options)
  const oauthDocuments = new Set(metadataPaths({ accept, mcp }))
  const publishedPaths = new Set([...ownPaths(resource), ...oauthDocuments])
  const [wrong] = [
    ...mcpPathProblems(mcp, routes.entries(), publishedPaths),
    ...passAroundMcp(routes, { otherwise, mcp }),
    ...oauthProblems({ accept, routes: routes.entries(), mcp, otherwise }),
  ]
  if (wrong) throw new TypeError(`${wrong.setting} ${wrong.problem}`)
  const { onEvent = resource.onEvent } = options
  const withheldAt = (own: Accept): Withheld =>
    acceptsOAuth(own) ? 'all' : oauthDocuments.size > 0 ? 'tokens' : undefined
  const observed = observeResource(resource, onEvent)
  const servers = mcp.map(({ path, ...server }): [string, McpServer] => {
    const isOAuth = acceptsOAuth(server.accept)
    const origins = cors?.origins
    const own = { ...server, ...(isOAuth ? { path } : {}), origins, sessions: mcpSessions }
    return [path, { protected: protectMcp(observed, own), acceptsOAuth: isOAuth, withheld: withheldAt(server.accept) }]
  })
  const whole = acceptsOAuth(accept) ? observed.oauthEndpoint({ path: '/' }) : observed
  for (const path of oauthDocuments)
    if (!resource.publishedPaths.has(path))
      throw new TypeError(`accept: OAuth metadata cannot be served at ${path}, because the resource’s id has a path`)
  const allLimits = withDefaults(limits)
  const origin = new URL(resource.id)
  const parsed = parseUpstream(upstream.url)
  return {
    resource: whole,
    tell: createEmitter('gateway', resource.id, onEvent),
    origin,
    upstream: parsed,
    upstreamHost: upstream.preserveHost ? origin.host : parsed.authority,
    rewriteRedirects: createRedirectRewrite(origin, new URL(upstream.url)),
    rules: {
      table: createRouteTable(
        routes,
        mcp.map(({ path }) => path),
        accept,
      ),
      isClosed: createClosedPaths(closedPathsOf(publishedPaths, mcp), routes),
      otherwise,
      frontController,
      acceptsOAuth: acceptsOAuth(accept),
      withheld: withheldAt(accept),
    },
    cors: cors && { ...cors, responseHeaders: resource.responseHeaders },
    clientAddress: createClientAddress(trustProxy),
    mcp: new Map(servers),
    publishedPaths,
    oauthDocuments,
    assertion: assertion && {
      signer: assertion.signer,
      issuer: resource.id,
      audience: assertion.audience ?? upstream.url,
    },
    limits: allLimits,
    isProxy: createTrustedPeers(trustProxy),
  }
}

function problemsOf(route: Route, { hasUserLevel }: Resource) {
  const problem = 'can be "user" only if the resource’s edition has it, such as draft -11'
  const own = route.require === 'user' && !hasUserLevel ? [{ member: 'require', problem }] : []
  return [...routeProblems(route), ...own]
}

function withDefaults(given: GatewayLimits): GatewaySetup['limits'] {
  const named = Object.entries(given).filter(([, value]) => value !== undefined)
  const limits = { ...defaultLimits, ...(Object.fromEntries(named) as { [Name in keyof GatewayLimits]: number }) }
  return { connectionsPerAddress: Math.ceil(limits.connections / 4), ...limits }
}

/** The paths of the resource, without OAuth metadata, which may be that of earlier options. */
function ownPaths({ publishedPaths }: Resource): string[] {
  return [...publishedPaths].filter((path) => !isMetadataPath(path))
}

/** The paths of the resource and of the MCP servers, which routes do not control. */
function closedPathsOf(publishedPaths: ReadonlySet<string>, mcp: readonly McpPath[]): ClosedPath[] {
  const published = [...publishedPaths].map((path) => ({ path, below: false }))
  return [...published, ...mcp.map(({ path }) => ({ path, below: true }))]
}

function requireAccept({ resource, accept, mcp = [] }: GatewayOptions): void {
  if (resource.protectedResource)
    throw new TypeError('accept must be set here, or for an MCP server, and not for the resource')
  const all = [['accept', accept] as const, ...mcp.map((server, at) => [`mcp[${at}].accept`, server.accept] as const)]
  for (const [setting, value] of all) {
    const problem = value === undefined ? undefined : acceptProblem(value)
    if (problem !== undefined) throw new TypeError(`${setting} ${problem}`)
  }
}

function requireOrigins(cors: CorsOptions | undefined): void {
  if (!cors || cors.origins === '*') return
  if (!Array.isArray(cors.origins)) throw new TypeError('cors.origins must be a list of origins, or "*"')
  for (const origin of cors.origins) {
    const problem = originProblem(origin)
    if (problem !== undefined) throw new TypeError(`cors.origins: ${origin} ${problem}`)
  }
}

/** @throws TypeError for an unknown name */
export function requireNames(of: string, given: object, known: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name))
  if (unknown !== undefined) throw new TypeError(`${of} has no option ${unknown}`)
}
