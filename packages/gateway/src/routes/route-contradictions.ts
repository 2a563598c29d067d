import { parsePathPattern, pathPatternProblem, shapeOf } from './path-pattern.js'
import type { Route } from './route.js'

/** Routes by their places: a list, or a map of what can be read of one. */
interface PlacedRoutes {
  entries(): Iterable<[at: number, route: Partial<Route>]>
}

/** Which of the routes say of the same requests what an earlier one says otherwise. What is wrong in itself is left out. */
export function routeContradictions(routes: PlacedRoutes): { at: number; problem: string }[] {
  const earlier = new Map<string, [at: number, route: Partial<Route>]>()
  const found: { at: number; problem: string }[] = []
  for (const [at, route] of routes.entries()) {
    const { method, path, require } = route
    if (!method || !path || !require || pathPatternProblem(path) !== undefined) continue
    const requests = `${method} ${shapeOf(parsePathPattern(path))}`
    const [before, other] = earlier.get(requests) ?? []
    if (!other) earlier.set(requests, [at, route])
    else if (!isAlike(route, other))
      found.push({
        at,
        problem: `says otherwise of ${method} ${path} than routes[${before}] of ${other.method} ${other.path}: keep one`,
      })
  }
  return found
}

function isAlike(one: Partial<Route>, other: Partial<Route>): boolean {
  return (['require', 'scope', 'maxBody', 'body'] as const).every((member) => one[member] === other[member])
}
