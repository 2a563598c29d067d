import { createClosedPaths, createRouteTable, type GatewayRules, type GatewaySettings } from 'countersign-gateway'

/** The rules that a gateway with these settings applies to each request. */
export function rulesOf({ routes, mcp, accept, otherwise, frontController }: GatewaySettings): GatewayRules {
  const paths = mcp.map(({ path }) => path)
  const isClosed = createClosedPaths(
    paths.map((path) => ({ path, below: true })),
    routes,
  )
  return { table: createRouteTable(routes, paths, accept), isClosed, otherwise, frontController }
}
