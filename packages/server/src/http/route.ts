import type { ReceivedMessage } from 'countersign'

/** A request on its way to an endpoint. */
export interface Arrival {
  request: Request
  /** The message as it was on the wire. */
  received: ReceivedMessage
  requestId: string
  /** The segment that `:id` in the route's path stands for, decoded; empty if the path has none. */
  id: string
}

/** Responds to one method of a route. Whatever it throws becomes a refusal in the form that the route's callers read. */
export type Endpoint = (arrival: Arrival) => Response | Promise<Response>

/** One row of the table of routes, which says everything about a path. */
export interface Route {
  /** The path, which also names the route in metrics and events. One segment may be variable, as in `/account/agents/:id`. */
  path: string
  /** Who calls it: agents get refusals as their edition writes them, browsers get pages. */
  caller: 'agent' | 'browser'
  /** Whether it needs neither the database nor a key, so that admission control serves it when those are slow. */
  isLight?: boolean
  /**
   * Whether a POST starts a new flow, by the text of its body, which is not verified yet: under overload it waits behind other
   * requests from the same address. @default none does
   */
  startsNew?: (body: string) => boolean
  methods: Readonly<Record<string, Endpoint>>
}

/** The route of a path, and the path's variable segment. */
export interface FoundRoute {
  route: Route
  id: string
}

/** Creates the lookup of a table of routes. Paths are compared as they were sent: an encoded letter is another path. */
export function createRouteFinder(routes: readonly Route[]): (path: string) => FoundRoute | undefined {
  const isVariable = ({ path }: Route) => path.includes(':')
  const exact = new Map(routes.filter((route) => !isVariable(route)).map((route) => [route.path, { route, id: '' }]))
  const patterns = routes.filter(isVariable).map((route) => ({
    route,
    pattern: new RegExp(`^${route.path.replace(/[.*+?$()[\]{}|\\]/g, '\\$&').replace(/:\w+/, '([^/]+)')}$`),
  }))
  return (path) => {
    const known = exact.get(path)
    if (known) return known
    for (const { route, pattern } of patterns) {
      const id = decoded(pattern.exec(path)?.[1])
      if (id !== undefined) return { route, id }
    }
    return undefined
  }
}

function decoded(segment: string | undefined): string | undefined {
  if (segment === undefined) return undefined
  try {
    return decodeURIComponent(segment)
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}
