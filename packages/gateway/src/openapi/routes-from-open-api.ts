import {
  foldPattern,
  isNarrower,
  isOverlapping,
  parsePathPattern,
  pathPatternProblem,
  shapeOf,
} from '../routes/path-pattern.js'
import { folds, type Kept } from '../routes/request-path.js'
import { type Level, methodDistance, methodProblem, type Route, routeProblems, strengthOf } from '../routes/route.js'
import { routeCollisions } from '../routes/route-collisions.js'
import {
  isObject,
  membersOf,
  resolved,
  resolvedItem,
  type Secured,
  securityOf,
  serverPath,
  writtenPath,
} from './description.js'

/** The routes and permissions derived from an OpenAPI document. */
export interface DescribedRoutes {
  routes: Route[]
  /** Descriptions of permissions, shown to users. */
  scopes: Record<string, string>
  /** Notes for the operator, who should review the result. */
  notes: string[]
}

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] as const

/**
 * Derives routes and permissions from an OpenAPI document, version 3.0 or 3.1. An operation that specifies scopes keeps them. An operation
 * that specifies none gets a scope derived from its path, to read or to change. An operation with an empty `security` gets the level
 * `none`. Operations that cannot be routes are skipped, so that the gateway refuses them.
 *
 * @throws TypeError for any other document, or if a wider route would permit a skipped operation
 */
export function routesFromOpenApi(document: unknown): DescribedRoutes {
  const version = isObject(document) ? document.openapi : undefined
  if (!isObject(document) || typeof version !== 'string' || !/^3\.[01]\./.test(version))
    throw new TypeError('This is not an OpenAPI document of version 3.0 or 3.1.')
  const described: Described = { document, routes: [], scopes: {}, notes: [], leftOut: [], made: new Set() }
  const whole = serverPath(document.servers)
  described.notes.push(...whole.notes)
  for (const [path, given] of membersOf(document.paths))
    if (path.startsWith('/')) addPath(described, path, given, whole.path)
  for (const [name] of membersOf(document.webhooks))
    described.notes.push(`The webhook ${name} is skipped, because the API itself sends it to other parties.`)
  if (described.made.size > 0)
    described.notes.push(
      `These permissions are derived from paths, because their operations specify no scope: ${[...described.made].join(', ')}.`,
    )
  const { routes, notes } = joinedRoutes(described.routes)
  for (const { method, path, require } of routes)
    if (require !== 'none' && healthCheck.test(path))
      notes.push(`${method} ${path} seems to be a health check: if anyone may call it, set "require" to "none".`)
  const covered = coveredAmong(described.leftOut, routes).map(({ method, path }) => `${method} ${path}`)
  if (covered.length > 0)
    throw new TypeError(
      `These operations are skipped, but a wider route would permit them: ${covered.join(', ')}. Correct or complete their descriptions in this document.`,
    )
  const open = routes.filter(({ require }) => require === 'none')
  const told = open.map(
    ({ method, path }) => `According to the document, ${method} ${path} requires nothing: anyone can call it.`,
  )
  const collisions = routeCollisions(routes.entries()).map(
    ({ at, problem }) => `The gateway will not start with this table: routes[${at}] ${problem}.`,
  )
  return { routes, scopes: described.scopes, notes: [...described.notes, ...notes, ...told, ...collisions] }
}

/** Paths that load balancers and monitoring systems usually call without signing. */
const healthCheck = /\/(?:health|healthz|health-?check|live|livez|liveness|ready|readyz|readiness|ping)$/i

/** The result so far. */
interface Described extends DescribedRoutes {
  document: Record<string, unknown>
  leftOut: LeftOut[]
  /** Scopes derived for operations that specify none. */
  made: Set<string>
}

/** Members of a path item that are not operations. */
const besideOperations: ReadonlySet<string> = new Set(['$ref', 'summary', 'description', 'servers', 'parameters'])

function addPath(described: Described, path: string, given: unknown, base: string): void {
  const { document, notes, leftOut } = described
  const item = resolvedItem(document, given)
  if (!item) {
    notes.push(`${path} has no description in this document, so it is skipped: ${combine}.`)
    leftOut.push(...methods.map((method) => ({ method: method.toUpperCase(), path: writtenPath(base + path) })))
    return
  }
  for (const name of Object.keys(item))
    if (!besideOperations.has(name) && !name.startsWith('x-') && !methods.some((method) => method === name))
      notes.push(`${name.toUpperCase()} ${base}${path} is skipped: ${adviceFor(name.toUpperCase())}.`)
  for (const method of methods) {
    if (item[method] === undefined) continue
    const operation = resolved(document, item[method])
    // GET routes cover HEAD, unless HEAD has different requirements.
    if (method === 'head' && operation && isNeededAlike(document, operation, resolved(document, item.get))) continue
    const own = operation?.servers ?? item.servers
    const server = own === undefined ? { path: base, notes: [] } : serverPath(own)
    notes.push(...server.notes.filter((note) => !notes.includes(note)))
    addOperation(described, { method, path: writtenPath(server.path + path), shown: server.path + path, operation })
  }
}

const combine = 'combine the descriptions into one file, or add its routes by hand'

function adviceFor(method: string): string {
  const problem = methodProblem(method)
  return problem === undefined ? 'add a route for it by hand if agents may send such requests' : `its method ${problem}`
}

function isNeededAlike(
  document: Record<string, unknown>,
  one: Record<string, unknown>,
  other: Record<string, unknown> | undefined,
): boolean {
  if (!other) return false
  const need = (operation: Record<string, unknown>) =>
    needOf(securityOf(document, operation, { isRead: true, path: '/' }))
  const [own, others] = [need(one), need(other)]
  return own.require === others.require && own.scope === others.scope
}

interface Place {
  method: (typeof methods)[number]
  path: string
  /** The path as written in the document. */
  shown: string
  operation: Record<string, unknown> | undefined
}

function addOperation(described: Described, { method, path, shown, operation }: Place): void {
  const { document, routes, scopes, notes, leftOut, made } = described
  const name = method.toUpperCase()
  if (!operation) {
    notes.push(`${name} ${shown} has no description in this document, so it is skipped: ${combine}.`)
    return void leftOut.push({ method: name, path })
  }
  const secured = securityOf(document, operation, { isRead: ['get', 'head', 'options'].includes(method), path })
  const route: Route = { method: name, path, ...needOf(secured) }
  const [problem] = routeProblems(route)
  if (problem) {
    notes.push(`${name} ${shown} is skipped: its ${problem.member} ${problem.problem}.`)
    return void leftOut.push({ method: name, path })
  }
  if (path !== shown) notes.push(`${name} ${shown} is written as ${path}.`)
  routes.push(route)
  notes.push(...secured.notes.filter((note) => !notes.includes(note)))
  if (secured.isMade) for (const scope of secured.scopes.keys()) made.add(scope)
  for (const [scope, text] of secured.scopes) if (!Object.hasOwn(scopes, scope)) scopes[scope] = text
}

function needOf({ isOpen, scopes }: Secured): { require: Level; scope?: string } {
  if (isOpen) return { require: 'none' }
  return { require: 'authorization', scope: [...scopes.keys()].join(' ') }
}

/** Merges routes for the same requests: the merged route requires everything that any of them requires. */
function joinedRoutes(routes: readonly Route[]): { routes: Route[]; notes: string[] } {
  const joined = new Map<string, Route>()
  const notes: string[] = []
  for (const route of routes) {
    const requests = `${route.method} ${shapeOf(parsePathPattern(route.path))}`
    const other = joined.get(requests)
    if (other)
      notes.push(
        `${route.method} ${route.path} is described more than once: the route requires everything that any of its descriptions requires.`,
      )
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

/** An operation without a route. */
interface LeftOut {
  method: string
  path: string
}

/** The skipped operations that should be refused, but that a wider route permits. */
function coveredAmong(leftOut: readonly LeftOut[], routes: readonly Route[]): LeftOut[] {
  const [kept] = folds as readonly [Kept]
  const written = routes.map((route) => {
    const pattern = parsePathPattern(route.path)
    return { route, pattern, folded: foldPattern(pattern, kept) }
  })
  return leftOut.filter(({ method, path }) => {
    // The gateway refuses all requests with such a path.
    if (pathPatternProblem(path) !== undefined) return false
    const own = parsePathPattern(path)
    // A route for the same path already refuses other methods with 405.
    if (written.some(({ pattern }) => shapeOf(pattern) === shapeOf(own))) return false
    const ownFolded = foldPattern(own, kept)
    return written.some(
      ({ route, folded }) =>
        methodDistance(method, route.method) !== undefined &&
        !isNarrower(folded, ownFolded) &&
        isOverlapping(folded, ownFolded),
    )
  })
}
