/**
 * A reverse proxy that protects an API without changes to its code. `createGateway` creates it from a table of routes. This entry point also
 * contains the configuration, routes from an OpenAPI description, and responses to the subrequests of nginx and Caddy.
 *
 * @packageDocumentation
 */

export {
  type ConfiguredGatewayOptions,
  createConfiguredGateway,
  openRevokedTokens,
  type SharedMemory,
} from './config/configured-gateway.js'
export type { GatewaySettings } from './config/gateway-schema.js'
export {
  type LoadedGatewayConfig,
  loadGatewayConfig,
  type ReadGatewaySettings,
  readGatewaySettings,
  readProbedSettings,
} from './config/load-gateway-config.js'
export { createGateway } from './create-gateway.js'
export type { Gateway, GatewayLimits, GatewayOptions, McpPath } from './gateway-options.js'
export { type AssertionClaims, type AssertionOptions, assertionType } from './identity.js'
export { readDescription } from './openapi/description.js'
export { type DescribedRoutes, routesFromOpenApi } from './openapi/routes-from-open-api.js'
export {
  type ApiProbe,
  type ProbeOptions,
  probeApi,
  type RouteProbe,
  type RunSpelling,
  type SpellingKind,
  spellingKinds,
} from './probe-path-spellings.js'
export type { CorsOptions } from './responses/cors.js'
export { checkRequest, type Verdict } from './routes/check-request.js'
export { type ClosedPath, createClosedPaths, type IsClosed, mcpPathProblems } from './routes/closed-paths.js'
export { type EncodedOctet, type ParsedPath, requirePath } from './routes/request-path.js'
export type { RequestHead } from './routes/require-plain-fields.js'
export { type Accept, type Level, type Need, type Route, withAccept } from './routes/route.js'
export { createRouteTable, type GatewayRules, type RoutedPath, type RouteTable } from './routes/route-table.js'
export type { SubrequestOptions } from './subrequests/create-subrequest-gateway.js'
export { createSubrequestGateway } from './subrequests/create-subrequest-gateway.js'
export type { OriginalRequest, ProxyName } from './subrequests/original-request.js'
export { requireNothingUnseen } from './subrequests/original-request.js'
export type { UpstreamOptions } from './upstream.js'
