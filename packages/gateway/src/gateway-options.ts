import type { Server } from 'node:http'
import type { OnEvent, Resource } from 'countersign/resource'
import type { McpSessions, McpTable } from 'countersign/resource/mcp'
import type { AssertionOptions } from './identity.js'
import type { CorsOptions } from './responses/cors.js'
import type { Route } from './routes/route.js'
import type { UpstreamOptions } from './upstream.js'

export interface GatewayLimits {
  /** Concurrent connections, without those of trusted proxies. One more closes an idle one, or one of the network that holds most. @default 4096 */
  connections?: number | undefined
  /**
   * Connections of one address (of IPv6, the first 64 bits). Those in `trustProxy`, which carry many clients, are not limited.
   * @default a quarter of `connections`
   */
  connectionsPerAddress?: number | undefined
  /** Largest body in bytes, unless the route sets another limit. @default 16 MiB */
  maxBody?: number | undefined
  /**
   * Bytes on disk for all uploads together; a body of up to 1 MiB stays in memory if there is room. Requests that no agent signed fill
   * at most half of it, agents without a user's permission at most three quarters. @default 1 GiB
   */
  uploads?: number | undefined
  /**
   * Bytes in memory that the content of all requests may take together, in the same shares. Uploads fill half of each share and go to disk
   * beyond it; beyond their share messages of MCP and for the documents' paths get 503. @default 256 MiB
   */
  memory?: number | undefined
  /** Time limit of a whole body, in seconds. @default 120 */
  bodyTime?: number | undefined
  /** Longest pause within a body, in seconds. @default 15 */
  stallTime?: number | undefined
  /** Connect timeout of the API, in seconds. @default 5 */
  connectTime?: number | undefined
  /** Time until the head of the API's response, in seconds. @default 60 */
  answerTime?: number | undefined
  /** Longest pause within a response of the API that is no event stream, in seconds. @default 120 */
  silence?: number | undefined
}

export interface GatewayOptions {
  /** The API as agents know it: verifies requests, and serves its documents and keys. */
  resource: Resource
  /** Where the API listens: a scheme, a host and a port, such as `http://127.0.0.1:3000`. */
  upstream: string | UpstreamOptions
  /** The requirements of requests. A request that no route lists is refused. @default none with `mcp`; required otherwise */
  routes?: readonly Route[] | undefined
  /**
   * Whether a request without signature headers is refused, or forwarded to the API's own authentication with empty identity headers, so
   * that agents can be admitted step by step. An invalid signature is refused anyway. @default 'refuse'
   */
  otherwise?: 'refuse' | 'pass' | undefined
  /**
   * Whether the API may treat any key or value of the query as the path, as in `/?r=admin/users`: such a request is refused if a route with
   * that path needs more. Keys and values that begin with a slash, and `rest_route`, always are. @default false
   */
  frontController?: boolean | undefined
  /** Web pages that may call the API from a browser. The gateway responds to preflights, which are never signed. @default none */
  cors?: CorsOptions | undefined
  /** Addresses or networks of your proxies. Only their `X-Forwarded-For` is read. @default none */
  trustProxy?: readonly string[] | undefined
  limits?: GatewayLimits | undefined
  /**
   * Adds `X-AAuth-Assertion`: the caller as a JWT that the resource's key signs, valid for one request and 30 seconds. For an API that other
   * programs on its network can reach. @default none
   */
  assertion?: AssertionOptions | undefined
  /** MCP servers, whose messages are judged by their tables. Their paths need no route. @default none */
  mcp?: readonly McpPath[] | undefined
  /** Remembers who owns the sessions of MCP servers. Several gateways must share it. @default in this process, while the gateway runs */
  mcpSessions?: McpSessions | undefined
  /**
   * Receives an event for each request, with its route; for each refusal, with the reason that the response hides; and for each response or
   * failure of the API. Pass the same function to `createResource`, which emits refused callers and lookups. @default that of the resource
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
  /** The scopes that every message needs, space-separated. @default none: any identified agent may read the lists */
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
