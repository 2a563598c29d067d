import { parsePathPattern, shapeOf } from '../routes/path-pattern.js'
import { type Route, strengthOf } from '../routes/route.js'

/** Routes of which no two are for the same requests: where several were, the one that is left needs what all of them need. */
export function joinedRoutes(routes: readonly Route[]): { routes: Route[]; notes: string[] } {
  const joined = new Map<string, Route>()
  const notes: string[] = []
  for (const route of routes) {
    const requests = `${route.method} ${shapeOf(parsePathPattern(route.path))}`
    const other = joined.get(requests)
    if (other) notes.push(`${route.method} ${route.path} is described more than once: it needs what all of it needs.`)
    joined.set(requests, other ? both(other, route) : route)
  }
  return { routes: [...joined.values()], notes: [...new Set(notes)] }
}

function both(one: Route, other: Route): Route {
  const require = strengthOf(one.require) < strengthOf(other.require) ? other.require : one.require
  const scopes = [one, other].flatMap(({ scope }) => scope?.split(' ') ?? [])
  const { method, path } = one
  return { method, path, require, ...(scopes.length > 0 ? { scope: [...new Set(scopes)].join(' ') } : {}) }
}
