import type { Route } from '../routes/route.js'
import { type GatewaySettings, gatewayShape, routeShape } from './gateway-schema.js'

/** The settings that can be read, where others are wrong in themselves. Routes are by their place in the list. */
export type ReadableSettings = Partial<Omit<GatewaySettings, 'routes'>> & {
  routes: ReadonlyMap<number, Partial<Route>>
  /** The names of all that are given. */
  names: ReadonlySet<string>
}

/** Reads each setting alone. */
export function readableSettings(given: object): ReadableSettings {
  const values = new Map(Object.entries(given))
  const read = readMembers(gatewayShape, (name) => values.get(name))
  const routes: unknown = values.get('routes')
  const listed = (Array.isArray(routes) ? routes : []).entries()
  const readRoutes = new Map([...listed].map(([at, route]: [number, unknown]) => [at, readRoute(route)]))
  return { ...read, routes: readRoutes, names: new Set(values.keys()) }
}

function readRoute(given: unknown): Partial<Route> {
  const values = new Map(Object.entries(Object(given) as object))
  return readMembers(routeShape, (name) => values.get(name))
}

interface Readable {
  safeParse(value: unknown): { success: boolean; data?: unknown }
}

function readMembers(shape: Readonly<Record<string, Readable>>, givenFor: (name: string) => unknown): object {
  const members = Object.entries(shape).map(([name, schema]) => [name, schema.safeParse(givenFor(name))] as const)
  return Object.fromEntries(members.filter(([, { success }]) => success).map(([name, { data }]) => [name, data]))
}
