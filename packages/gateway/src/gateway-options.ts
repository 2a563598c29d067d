import type { Server } from 'node:http'
import type { OnEvent, Resource, ResourceOptions } from 'countersign/resource'
import type { McpOptions, McpSessions, McpTable } from 'countersign/resource/mcp'
import type { AssertionOptions } from './identity.js'
import type { CorsOptions } from './responses/cors.js'
import type { Route } from './routes/route.js'
import type { UpstreamOptions } from './upstream.js'

export interface GatewayLimits {
  /**
   * Maximum number of concurrent connections, not counting those of trusted proxies. Beyond that, an idle connection is closed, or else a
   * connection of the network that holds the most connections. @default 4096
   */
  connections?: number | undefined
  /**
   * Maximum number of connections per address (for IPv6, per /64). Addresses in `trustProxy` carry many clients and are not limited.
   * @default a quarter of `connections`
   */
  connectionsPerAddress?: number | undefined
  /** Maximum body size, in bytes, unless the route sets another limit. @default 16 MiB */
  maxBody?: number | undefined
  /**
   * Disk space for all uploads together, in bytes. A body of up to 1 MiB stays in memory if there is room. Requests not signed by an agent
   * may use at most half of the space, and agents without a user's permission at most three quarters. @default 1 GiB
   */
  uploads?: number | undefined
  /**
   * Memory for the content of all requests together, in bytes, divided into the same shares. Uploads may use half of each share, and are
   * written to disk beyond that. MCP messages and requests for the resource's own paths get 503 beyond their share. @default 256 MiB
   */
  memory?: number | undefined
  /** Timeout for receiving a whole request body, in seconds. @default 120 */
  bodyTimeout?: number | undefined
  /** Maximum pause within a request body, in seconds. @default 15 */
  stallTimeout?: number | undefined
  /** Timeout for connecting to the API, in seconds. @default 5 */
  connectTimeout?: number | undefined
  /** Timeout for the API's response headers, in seconds. @default 60 */
  responseTimeout?: number | undefined
  /** Maximum pause within an API response that is not an event stream, in seconds. @default 120 */
  silence?: number | undefined
}

export interface GatewayOptions {
  /**
   * The resource as agents know it. It verifies requests, and serves its documents and keys. To accept OAuth access tokens, set `accept` here
   * or of an MCP server, and not for the resource.
   */
  resource: Resource
  /** The address of the API: a scheme, host and port, such as `http://127.0.0.1:3000`. */
  upstream: string | UpstreamOptions
  /** The requirements for requests. A request that matches no route is refused. @default none with `mcp`; required otherwise */
  routes?: readonly Route[] | undefined
  /**
   * Handling of requests without signature headers: they are refused, or forwarded with empty identity headers to the API's own
   * authentication, so that agents can be introduced gradually. An invalid signature is always refused. @default 'refuse'
   */
  otherwise?: 'refuse' | 'pass' | undefined
  /**
   * Whether the API may interpret any query key or value, form value or cookie as the path, as in `/?r=admin/users`. If so, such a request
   * is refused if a route with that path requires more. Values that start with a slash in a query or form, and `rest_route`, are always
   * checked. @default false
   */
  frontController?: boolean | undefined
  /**
   * How requests to routes may prove what a user allowed: `aauth` by signatures, `oauth` also by OAuth access tokens, which work for anyone
   * who has them. With `oauth`, the API is one OAuth resource, whose URL is the resource's `id`. Routes with
   * `signature` or `identity` accept tokens only if they have their own `accept`. `Authorization` is never forwarded, and a
   * response that demands other credentials becomes a 502. Each MCP server has its own setting: if any of them accepts OAuth, bearer tokens
   * are not forwarded on any path. @default ['aauth']
   */
  accept?: ResourceOptions['accept']
  /**
   * Web origins that may call the API from a browser. The gateway responds to preflights, which are never signed. MCP servers refuse other
   * origins with 403. @default none
   */
  cors?: CorsOptions | undefined
  /** Addresses or networks of your proxies. `X-Forwarded-For` is trusted only if it comes from them. @default none */
  trustProxy?: readonly string[] | undefined
  limits?: GatewayLimits | undefined
  /**
   * Adds `X-AAuth-Assertion`: the caller as a JWT signed with the resource's key, valid for one request and for 30 seconds. Use it if other
   * programs on the network can reach the API. @default none
   */
  assertion?: AssertionOptions | undefined
  /** MCP servers, whose messages are authorized by separate tables. Their paths need no route. @default none */
  mcp?: readonly McpPath[] | undefined
  /** Remembers the owners of MCP sessions. Several gateways must share it. @default in this process, while the gateway is running */
  mcpSessions?: McpSessions | undefined
  /**
   * Receives an event for each request, with its route; for each refusal, with the reason that the response hides; and for each API
   * response or failure. Pass the same function to `createResource`, which emits events about refused callers and lookups. @default the
   * resource's listener
   */
  onEvent?: OnEvent | undefined
}

/** A gateway that is ready to listen. */
export interface Gateway<Options = GatewayOptions> {
  /** A server that is ready to listen, for plain HTTP/1.1 behind your TLS termination. */
  readonly server: Server
  /**
   * Applies new options. Requests in progress finish with the old options, and no connection is closed. If an `accept` includes `oauth`, pass
   * a new resource with the same `claimNonce`, so that used nonces stay used. @throws TypeError if the options are invalid
   */
  readonly use: (options: Options) => void
  /** Ends WebSockets and event streams so that the server can close. Other requests finish normally. */
  readonly endStreams: () => void
  /** Ends WebSockets and connections to the API, and deletes temporary files. Close the server first. */
  readonly close: () => void
}

/** An MCP server behind the gateway, with the scopes of its tools, resources and prompts. */
export interface McpPath extends McpTable {
  /** Its path, such as `/mcp`. */
  path: string
  /**
   * How requests may prove what a user allowed: see {@link GatewayOptions.accept}. With `oauth`, MCP clients that speak only OAuth connect to
   * the URL of this path, which is its own OAuth resource. @default ['aauth']
   */
  accept?: McpOptions['accept']
  /** The name of the server for users who decide, if a client uses OAuth. @default none */
  name?: string | undefined
  /**
   * The scopes, space-separated, that the first request of an OAuth client asks for. Some clients cannot ask for more later. @default
   * `connect`, and all scopes in the table that access tokens may have
   */
  initialScope?: string | undefined
  /** Space-separated scopes that every message requires. @default none: any identified agent may read the lists */
  connect?: string | undefined
}

export const gatewayOptions = {
  resource: true,
  upstream: true,
  routes: true,
  otherwise: true,
  frontController: true,
  accept: true,
  cors: true,
  trustProxy: true,
  limits: true,
  assertion: true,
  mcp: true,
  mcpSessions: true,
  onEvent: true,
} as const satisfies Record<keyof GatewayOptions, true>

/** `connectionsPerAddress` is missing because its default depends on another limit. */
export const defaultLimits: Required<{ [Name in Exclude<keyof GatewayLimits, 'connectionsPerAddress'>]: number }> = {
  connections: 4096,
  maxBody: 16 * 1_048_576,
  uploads: 1024 * 1_048_576,
  memory: 256 * 1_048_576,
  bodyTimeout: 120,
  stallTimeout: 15,
  connectTimeout: 5,
  responseTimeout: 60,
  silence: 120,
}
