import { parsePathPattern, pathPatternProblem, shapeOf } from './path-pattern.js'
import type { Route } from './route.js'

/** Which of the routes say of the same requests what an earlier one says otherwise. What is wrong in itself is left out. */
export function routeContradictions(routes: readonly Route[]): { at: number; problem: string }[] {
  const earlier = new Map<string, number>()
  const found: { at: number; problem: string }[] = []
  for (const [at, route] of routes.entries()) {
    if (pathPatternProblem(route.path) !== undefined) continue
    const requests = `${route.method} ${shapeOf(parsePathPattern(route.path))}`
    const before = earlier.get(requests)
    const other = before === undefined ? undefined : routes[before]
    if (!other) earlier.set(requests, at)
    else if (!isAlike(route, other))
      found.push({
        at,
        problem: `says otherwise of ${route.method} ${route.path} than routes[${before}] of ${other.method} ${other.path}: keep one`,
      })
  }
  return found
}

function isAlike(one: Route, other: Route): boolean {
  return (['require', 'scope', 'maxBody', 'body'] as const).every((member) => one[member] === other[member])
}
