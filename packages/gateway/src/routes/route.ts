import { METHODS } from 'node:http'
import { nearestName } from 'countersign/node'
import { type Requirement, type ResourceOptions, riskOf, type VerifyRequestOptions } from 'countersign/resource'
import { parsePathPattern, pathPatternProblem } from './path-pattern.js'
import type { EncodedOctet } from './request-path.js'

/** The proof that a request must provide. `none`: nothing is verified, and the upstream gets empty identity headers. */
export type Level = 'none' | Requirement

/** How requests may prove what a user allowed. */
export type Accept = ResourceOptions['accept']

/** A row of the table: the requests that it matches, and what they require. */
export interface Route {
  /** An HTTP method. `GET` includes HEAD; `*` means GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS. */
  method: string
  /**
   * The path, such as `/events`. `{id}` matches one segment or part of a segment. A trailing `*` matches the rest of the path, which may be
   * empty: `/users/{id}`, `/files/*`.
   */
  path: string
  /** The required level. */
  require: Level
  /** Space-separated scopes, all of which the auth token must have. Required with `authorization`, and invalid with other levels. */
  scope?: string | undefined
  /**
   * What proves a request, if the gateway accepts OAuth: `['aauth']` for signatures only. With `['aauth', 'oauth']`, any access token for the
   * API suffices for `signature` and `identity`, whatever its scopes, and proves nothing about which program sent the request.
   * @default `['aauth']` for `signature` and `identity`; `accept` of the gateway for `authorization`
   */
  accept?: Accept
  /** Maximum body size, in bytes. @default the gateway's limit */
  maxBody?: number | undefined
  /**
   * For proxies that send subrequests, which do not include the body. `unseen` accepts a signed body without seeing it, even if it was
   * changed on the way. This is weaker than a gateway in the request path, and is refused on routes that delete or spend (W30). @default
   * only GET and HEAD are accepted there
   */
  body?: 'unseen' | undefined
  /** `kept`: the API distinguishes case, so that `/Admin` is not this route's `/admin`. @default the two may be the same */
  case?: 'kept' | undefined
  /**
   * `kept`: the API distinguishes extensions and index files, so that `/doc/x.pdf` is not this route's `/doc/x`. @default the two may be
   * the same
   */
  endings?: 'kept' | undefined
  /**
   * Accepts that some servers run a stricter route of the table for all paths of this route, such as `/doc/{name}` for `/doc/{name}.pdf`.
   * Without this setting, such a table is refused. Also permits parameters that are not plain text of up to 100 characters, beside a
   * wider, stricter route, which some routers run for them. @default false
   */
  mayShadow?: true | undefined
  /**
   * Serves every path that it matches and that no other route lists, even if routes within it require more, except for the paths below those
   * routes. Set this only if the API has no other names for those routes. For a path that ends with `*`, or that has a parameter beside a
   * stricter path such as `/admin/*`.
   * @default false
   */
  fallback?: true | undefined
  /**
   * Permits headers, parameters, form fields and JSON members that specify a method that requires more on this path, such as
   * `http_method=DELETE`, or that may contain another request, such as `_action`. Set this if the API takes neither methods nor requests
   * from them.
   * @default false
   */
  mayNameMethod?: true | undefined
  /**
   * Encoded delimiters that the last parameter may contain, such as `%2F` in GitLab ids. Requires `upstream.matches: 'raw'`.
   * @default none
   */
  encoded?: readonly EncodedOctet[] | undefined
  /** Permits `;…` after the last segment, such as the matrix parameters of JAX-RS. @default false */
  pathParameters?: true | undefined
}

/** Members that must be equal in all rows of one path. */
export const pathMembers = ['case', 'endings', 'encoded', 'pathParameters'] as const satisfies (keyof Route)[]

/** Words that indicate an irreversible action. */
const grave = /delet|remov|destroy|purge|erase|wipe|pay|spend|transfer|purchas|refund|charge|withdraw|order|buy|sell/i

/** Whether a route may delete or spend. If users are offered its scope for one call, the body of that call must be seen. */
function isGrave({ method = '', path = '', scope = '' }: Partial<Route>): boolean {
  const isOfRisk = String(scope)
    .split(' ')
    .some((value) => ['delete', 'spend'].includes(riskOf(value)))
  return isOfRisk || ['*', 'DELETE'].includes(method) || grave.test(`${path} ${scope}`)
}

const levels: readonly Level[] = ['none', 'signature', 'identity', 'user', 'authorization']

/** The levels by strength, from the weakest to the strongest. */
export function strengthOf(level: Level): number {
  return levels.indexOf(level)
}

/** Returns the problems with a route, by member. A missing member is a problem if it is required. */
export function routeProblems(route: Partial<Route>): { member: keyof Route; problem: string }[] {
  const problems: { member: keyof Route; problem: string }[] = []
  const refuse = (member: keyof Route, problem: string | undefined) => problem && problems.push({ member, problem })
  const { method, path, require, scope, accept, maxBody, body, encoded } = route
  refuse('method', methodProblem(method))
  refuse('path', pathPatternProblem(path))
  if (!levels.includes(require as Level)) refuse('require', `must be one of ${levels.join(', ')}`)
  else if (require === 'authorization') {
    if (!/^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/.test(scope ?? ''))
      refuse('scope', 'must be one or more scopes, separated by single spaces, such as "events.read"')
  } else if (scope !== undefined) refuse('scope', 'is only valid with require: "authorization"')
  if (accept !== undefined)
    refuse('accept', acceptProblem(accept) ?? (require === 'none' ? 'has no effect with require: "none"' : undefined))
  if (body !== undefined && body !== 'unseen') refuse('body', 'can only be "unseen"')
  if (body === 'unseen' && isGrave(route))
    refuse(
      'body',
      'cannot be unseen on a route that, judging by its method, path or scope, may delete or spend: run the gateway as a reverse proxy instead',
    )
  if (maxBody !== undefined && !(Number.isSafeInteger(maxBody) && maxBody >= 0))
    refuse('maxBody', 'must be a number of bytes')
  for (const member of ['case', 'endings'] as const)
    if (![undefined, 'kept'].includes(route[member])) refuse(member, 'can only be "kept"')
  for (const member of ['mayShadow', 'mayNameMethod', 'fallback', 'pathParameters'] as const)
    if (![undefined, true].includes(route[member])) refuse(member, 'can only be true')
  if (encoded !== undefined && !isEncodable(encoded)) refuse('encoded', 'must list %2F, %23 or %25')
  else if (encoded && pathPatternProblem(path) === undefined && lastParameterOf(path as string) === -1)
    refuse('encoded', 'applies to the last parameter of the path, but the path has no parameter')
  return problems
}

/** Whether OAuth access tokens are accepted. */
export function acceptsOAuth(accept: Accept): boolean {
  return accept?.includes('oauth') === true
}

/** Returns the problem with a setting `accept`; undefined if it is valid. */
export function acceptProblem(accept: unknown): string | undefined {
  const isKnown = Array.isArray(accept) && accept.every((proof) => proof === 'aauth' || proof === 'oauth')
  return isKnown && accept.includes('aauth') ? undefined : 'must be ["aauth"], or ["aauth", "oauth"] for OAuth clients'
}

/**
 * Fills in what a route accepts. Users allow scopes, so an access token suffices by default only for a route that requires scopes.
 *
 * @param accept what the gateway accepts for routes
 */
export function withAccept(route: Route, accept: Accept): Route {
  if (!acceptsOAuth(accept) || route.accept !== undefined) return route
  return { ...route, accept: route.require === 'authorization' ? accept : ['aauth'] }
}

/** The index of the segment with the last parameter of a path, or -1. */
export function lastParameterOf(path: string): number {
  return parsePathPattern(path).segments.findLastIndex(({ free }) => free)
}

function isEncodable(encoded: unknown): boolean {
  return Array.isArray(encoded) && encoded.length > 0 && encoded.every((octet) => ['%2F', '%23', '%25'].includes(octet))
}

/** The problems with routes that permit encoded delimiters even though the API may decode a path before matching it. */
export function encodedWithoutRaw(
  routes: Iterable<readonly [at: number, route: Partial<Route>]>,
  { matches }: { matches?: 'raw' | undefined },
): { setting: string; problem: string }[] {
  if (matches === 'raw') return []
  const problem = "requires upstream.matches: 'raw', which declares that the API matches encoded paths"
  return [...routes].flatMap(([at, { encoded }]) => (encoded ? [{ setting: `routes[${at}].encoded`, problem }] : []))
}

/** The methods included in `*`. `MOVE` and `COPY` contain a second path in a header, so they need separate routes. */
export const plainMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** How closely a route for one method, or for `*`, matches a request's method: 0 is the closest; undefined if it does not match. */
export function methodDistance(method: string, routed: string): number | undefined {
  if (routed === method) return 0
  if (routed === 'GET' && method === 'HEAD') return 1
  return routed === '*' && plainMethods.has(method) ? 2 : undefined
}

/**
 * The methods whose handlers may run for a request. Many frameworks run the GET handler for HEAD, even if there is a separate handler for
 * HEAD.
 */
export function handledAs(method: string): readonly string[] {
  return method === 'HEAD' ? ['HEAD', 'GET'] : [method]
}

/** Returns the problem with a route's method; undefined if the method is valid. */
export function methodProblem(routed: unknown): string | undefined {
  if (routed === '*') return undefined
  if (typeof routed !== 'string' || !/^[A-Z][A-Z-]*$/.test(routed)) return 'must be a method in upper case, or *'
  if (['CONNECT', 'TRACE', 'TRACK'].includes(routed)) return 'is never forwarded'
  if (METHODS.includes(routed)) return undefined
  // In a three-letter name, the letters may be right but transposed.
  const near = [...plainMethods].find((method) => sorted(method) === sorted(routed)) ?? nearestName(routed, METHODS)
  return `is not an HTTP method that Node.js can parse${near === undefined ? '' : `; did you mean ${near}?`}`
}

function sorted(text: string): string {
  return Array.from(text).toSorted().join('')
}

/** The requirements of a request. */
export interface Need {
  /** The routes that apply: usually one; several if neither is more specific, such as `/public/*` and `/{tenant}/admin`. */
  routes: readonly [Route, ...Route[]]
  level: Level
  /** Space-separated; undefined unless the level is `authorization`. */
  scope: string | undefined
  /** Whether an OAuth access token may prove the request, instead of a signature. */
  acceptsOAuth: boolean
  /** Maximum body size, in bytes; if undefined, the gateway's limit. */
  maxBody: number | undefined
  /** Whether a body that the proxy does not pass on is accepted. */
  isBodyUnseen: boolean
}

/** The name of the matching route, in the form that operators know. */
export function routeName({ routes: [route] }: Need): string {
  return `${route.method} ${route.path}`
}

/** Combines the requirements of several routes. */
export function needOf(routes: readonly [Route, ...Route[]]): Need {
  const level = routes
    .map(({ require }) => require)
    .reduce((one, other) => (strengthOf(other) > strengthOf(one) ? other : one))
  const scopes = routes.flatMap(({ scope }) => scope?.split(' ') ?? [])
  const limits = routes.flatMap(({ maxBody }) => maxBody ?? [])
  return {
    routes,
    level,
    scope: level === 'authorization' ? [...new Set(scopes)].join(' ') : undefined,
    acceptsOAuth: level !== 'none' && routes.every(({ require, accept }) => require === 'none' || acceptsOAuth(accept)),
    isBodyUnseen: routes.every(({ body }) => body === 'unseen'),
    maxBody: limits.length === 0 ? undefined : Math.min(...limits),
  }
}

/**
 * Whether a route requires a proof that a request with these requirements may lack: a level, a scope, a signature, or a body that the gateway
 * can see.
 */
export function isProofStricter({ require, scope = '', accept, body }: Route, need: Need, method: string): boolean {
  if (strengthOf(need.level) < strengthOf(require)) return true
  const scopes = need.scope?.split(' ') ?? []
  if (require === 'authorization' && !scope.split(' ').every((value) => scopes.includes(value))) return true
  if (need.acceptsOAuth && require !== 'none' && !acceptsOAuth(accept)) return true
  return need.isBodyUnseen && body !== 'unseen' && !isBodiless(method)
}

/** A GET or HEAD request with a body is refused on every route. */
function isBodiless(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** Whether a request that meets these requirements also meets those of another route. */
export function covers(need: Need, route: Route, method: string): boolean {
  if (isProofStricter(route, need, method)) return false
  const { maxBody } = route
  const isSmaller = need.maxBody !== undefined && maxBody !== undefined && need.maxBody <= maxBody
  return isBodiless(method) || need.maxBody === maxBody || isSmaller
}

/** Whether a GET request that meets one set of requirements also meets another. */
export function coversNeed(need: Need, other: Need): boolean {
  return other.routes.every((route) => covers(need, route, 'GET'))
}

/** The requirement that the resource verifies. */
export function requirementOf({ level, scope, acceptsOAuth: isOAuth }: Need): VerifyRequestOptions<Requirement> {
  if (level === 'none') throw new TypeError('nothing is verified at the level "none"')
  const accept = isOAuth ? (['aauth', 'oauth'] as const) : (['aauth'] as const)
  return scope === undefined ? { require: level, accept } : { require: level, scope, accept }
}
