/**
 * Marks in comments: `W12` and `S§9.3` are in `docs/protocol.md`, `K25` is in `docs/attacks.md`, both in the package `countersign`.
 *
 * @packageDocumentation
 */

export { type GatewayRules, type Judgement, judgeRequest, type RequestHead } from './routes/judge-request.js'
export type { Level, Route } from './routes/route.js'
export { createRouteTable, type Need, type RouteTable } from './routes/route-table.js'
