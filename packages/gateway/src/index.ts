/**
 * Marks in comments: `W12` and `S§9.3` are in `docs/protocol.md`, `K25` is in `docs/attacks.md`, both in the package `countersign`.
 *
 * @packageDocumentation
 */

export type { CorsOptions } from './answers/cors.js'
export { createGateway, type Gateway } from './create-gateway.js'
export type { GatewayLimits, GatewayOptions } from './gateway-options.js'
export { type GatewayRules, type Judgement, judgeRequest, type RequestHead } from './routes/judge-request.js'
export type { Level, Route } from './routes/route.js'
export { createRouteTable, type Need, type RouteTable } from './routes/route-table.js'
