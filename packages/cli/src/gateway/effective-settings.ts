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

/** Returns the flags that override settings of a gateway's configuration file, by setting. */
export function overridingFlags({
  upstream,
  verifyOnly,
}: Readonly<Record<string, unknown>>): ReadonlyMap<string, unknown> {
  const given: [string, unknown][] = [
    ['upstream.url', upstream],
    ['verifyOnly', verifyOnly],
  ]
  return new Map(given.filter(([, value]) => value !== undefined))
}
