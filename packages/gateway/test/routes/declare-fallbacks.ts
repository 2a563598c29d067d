import { createRouteTable, type Route } from 'countersign-gateway'

/** The same table with `fallback` on each route that is rejected without it, for tests of other behavior. */
export function declareFallbacks(routes: readonly Route[], mcpPaths: readonly string[] = []): Route[] {
  const declared = [...routes]
  for (let round = 0; round < routes.length; round++) {
    const at = refusedWithout(declared, mcpPaths)
    if (at === undefined) break
    declared[at] = { ...(declared[at] as Route), fallback: true }
  }
  return declared
}

/** The index of a route that needs `fallback`; undefined if none does, or if the table is rejected for another reason. */
function refusedWithout(routes: readonly Route[], mcpPaths: readonly string[]): number | undefined {
  try {
    createRouteTable(routes, mcpPaths)
    return undefined
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    const at = /set fallback: true on routes\[(\d+)\]/.exec(error.message)?.[1]
    return at === undefined ? undefined : Number(at)
  }
}
