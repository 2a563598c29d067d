import type { Server } from 'node:http'
import type { OnEvent, Resource } from 'countersign/resource'
import type { McpSessions, McpTable } from 'countersign/resource/mcp'
import type { AssertionOptions } from './identity.js'
import type { CorsOptions } from './responses/cors.js'
import type { Route } from './routes/route.js'
import type { UpstreamOptions } from './upstream/connections.js'

export interface GatewayLimits {
  /** Connections at once; does not count those from trusted proxies. One more closes one that is idle, or of the network that holds most. @default 4096 */
  connections?: number | undefined
  /**
   * Connections that one address may hold (of IPv6, the first 64 bits). It does not count for those in `trustProxy`, which hold the
   * connections of everybody. @default a quarter of `connections`
   */
  connectionsPerAddress?: number | undefined
  /** Largest body in bytes, where a route says no other. @default 16 MiB */
  maxBody?: number | undefined
  /**
   * Bytes on disk that all uploads may take together; a body of up to 1 MiB stays in memory if there is room. Requests that no agent
   * signed fill at most half of it, agents without a user's permission at most three quarters. @default 1 GiB
   */
  uploads?: number | undefined
  /**
   * Bytes in memory that the content of all requests may take together, in the same shares. Uploads fill half of each share and go to disk
   * beyond it; beyond their share messages of MCP and for the documents' paths get 503. @default 256 MiB
   */
  memory?: number | undefined
  /** Seconds that a body may take in all. @default 120 */
  bodyTime?: number | undefined
  /** Seconds without a byte of a body. @default 15 */
  stallTime?: number | undefined
  /** Seconds until the API is connected to. @default 5 */
  connectTime?: number | undefined
  /** Seconds until the API begins to answer. @default 60 */
  answerTime?: number | undefined
  /** Seconds that the API may be silent within an answer that is no event stream. @default 120 */
  silence?: number | undefined
}

export interface GatewayOptions {
  /** The API as agents know it: verifies requests, and serves its documents and keys. */
  resource: Resource
  /** Where the API listens: a scheme, a host and a port, such as `http://127.0.0.1:3000`. */
  upstream: string | UpstreamOptions
  /** What requests need. What is not listed is refused. @default none where there is `mcp`; needed otherwise */
  routes?: readonly Route[] | undefined
  /**
   * What becomes of a request without signature headers. `pass`: it goes on to the API's own authentication, with empty identity
   * headers, so that agents can be let in step by step; a bad signature is refused all the same. @default 'refuse'
   */
  otherwise?: 'refuse' | 'pass' | undefined
  /**
   * Whether the API may take any key or value of the query for the path, as `/?r=admin/users`: such a request is refused if a route with
   * that path needs more. Keys and values that begin with a slash, and `rest_route`, always are. @default false
   */
  frontController?: boolean | undefined
  /** Web pages that may ask from a browser: the gateway answers preflights, which are never signed. @default none */
  cors?: CorsOptions | undefined
  /** Addresses or networks of your proxies. Only their `X-Forwarded-For` is read. @default none */
  trustProxy?: readonly string[] | undefined
  limits?: GatewayLimits | undefined
  /**
   * Adds `X-AAuth-Assertion`: who asks as a JWT that the resource's key signs, for one request and 30 seconds. For an API that others on
   * its network can reach, too. @default none
   */
  assertion?: AssertionOptions | undefined
  /** MCP servers: what is said at their paths is judged by their tables. No route is needed for these. @default none */
  mcp?: readonly McpPath[] | undefined
  /** Remembers whose the sessions of MCP servers are; several gateways must share it. @default in this process, while the gateway runs */
  mcpSessions?: McpSessions | undefined
  /**
   * Told each request with its route, each refusal with what the answer hides, and how the API behind it does. Give the same
   * function to `createResource`, which knows who was refused, and tells lookups. @default that of the resource
   */
  onEvent?: OnEvent | undefined
}

/** A gateway that is ready to listen. */
export interface Gateway<Options = GatewayOptions> {
  /** Ready to listen, for plain HTTP/1.1 behind your TLS. */
  readonly server: Server
  /** Applies new options. Requests in progress finish with the old ones, and no connection is closed. @throws TypeError if they are invalid */
  readonly use: (options: Options) => void
  /** Ends WebSockets and event streams, so that the server can close. Other requests finish. */
  readonly endStreams: () => void
  /** Ends WebSockets and connections to the API, and removes temporary files. Close the server first. */
  readonly close: () => void
}

/** An MCP server behind the gateway, with the scopes of its tools, resources and prompts. */
export interface McpPath extends McpTable {
  /** Its one path, such as `/mcp`. */
  path: string
  /** The scopes that every use needs, space-separated. @default none: an agent that says who it is may look at the lists */
  connect?: string | undefined
}

export const gatewayOptions = {
  resource: true,
  upstream: true,
  routes: true,
  otherwise: true,
  frontController: true,
  cors: true,
  trustProxy: true,
  limits: true,
  assertion: true,
  mcp: true,
  mcpSessions: true,
  onEvent: true,
} as const satisfies Record<keyof GatewayOptions, true>

/** `connectionsPerAddress` depends on another. */
export const defaultLimits: Required<{ [Name in Exclude<keyof GatewayLimits, 'connectionsPerAddress'>]: number }> = {
  connections: 4096,
  maxBody: 16 * 1_048_576,
  uploads: 1024 * 1_048_576,
  memory: 256 * 1_048_576,
  bodyTime: 120,
  stallTime: 15,
  connectTime: 5,
  answerTime: 60,
  silence: 120,
}
