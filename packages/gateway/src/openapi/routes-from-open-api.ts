import { type Level, type Route, routeProblems } from '../routes/route.js'
import { isObject, membersOf, resolved } from './references.js'
import { type Secured, securityOf } from './security-of.js'

/** What a gateway needs to know of an API that is described by OpenAPI. */
export interface DescribedRoutes {
  routes: Route[]
  /** What people read of each permission. */
  scopes: Record<string, string>
  /** What a person should look at, a sentence each. */
  notes: string[]
}

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] as const

/**
 * Routes and permissions of an OpenAPI description, version 3.0 or 3.1. An operation keeps the scopes that it names; one that names
 * none gets a scope made of its path, to read or to change; one that says that it needs nothing is at the level `none`. What
 * cannot be a route is left out, and so refused by the gateway.
 *
 * @throws TypeError for what is no such description
 */
export function routesFromOpenApi(document: unknown): DescribedRoutes {
  const version = isObject(document) ? document.openapi : undefined
  if (!isObject(document) || typeof version !== 'string' || !/^3\.[01]\./.test(version))
    throw new TypeError('This is no OpenAPI description of version 3.0 or 3.1.')
  const described: DescribedRoutes = { routes: [], scopes: {}, notes: [] }
  const base = basePathOf(document)
  for (const [path, given] of membersOf(document.paths)) {
    const item = resolved(document, given)
    if (!item) described.notes.push(`${path} is described elsewhere, and left out.`)
    else for (const method of methods) addOperation(described, document, { method, path: base + path, item })
  }
  return described
}

interface Place {
  method: (typeof methods)[number]
  path: string
  item: Record<string, unknown>
}

function addOperation(
  described: DescribedRoutes,
  document: Record<string, unknown>,
  { method, path, item }: Place,
): void {
  const operation = resolved(document, item[method])
  // HEAD goes with GET.
  if (!operation || (method === 'head' && item.get !== undefined)) return
  const name = method.toUpperCase()
  const secured = securityOf(document, operation, { isRead: ['get', 'head', 'options'].includes(method), path })
  const route: Route = { method: name, path, ...needOf(secured) }
  const [problem] = routeProblems(route)
  if (problem)
    return void described.notes.push(`${name} ${path} is left out: its ${problem.member} ${problem.problem}.`)
  if (secured.isOpen)
    described.notes.push(`${name} ${path} needs nothing, as the description says: everybody may ask for it.`)
  described.routes.push(route)
  for (const [scope, text] of secured.scopes) {
    if (!Object.hasOwn(described.scopes, scope)) described.scopes[scope] = text
  }
}

function needOf({ isOpen, scopes }: Secured): { require: Level; scope?: string } {
  if (isOpen) return { require: 'none' }
  return { require: 'authorization', scope: [...scopes.keys()].join(' ') }
}

/** The path of the first server, which is in front of all paths. */
function basePathOf({ servers }: Record<string, unknown>): string {
  const first: unknown = Array.isArray(servers) ? servers[0] : undefined
  const url = isObject(first) && typeof first.url === 'string' ? first.url : '/'
  if (!URL.canParse(url, 'https://api.example') || url.includes('{')) return ''
  return new URL(url, 'https://api.example').pathname.replace(/\/+$/, '')
}
