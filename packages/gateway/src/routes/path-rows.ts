import { type End, ends, folds, type Kept } from './fold.js'
import { createPathIndex, type PathIndex } from './path-index.js'
import {
  type FoldedPattern,
  foldPattern,
  hasPlainEnd,
  isNarrower,
  isWithin,
  type PathPattern,
  parsePathPattern,
  shapeOf,
} from './path-pattern.js'
import { handledAs, type Level, methodDistance, type Route, strengthOf } from './route.js'

/** The requirements of a request. */
export interface Need {
  /** The routes that it is judged by: mostly one; several if neither is more specific, as `/public/*` and `/{tenant}/admin`. */
  routes: readonly [Route, ...Route[]]
  level: Level
  /** Space-separated; undefined unless the level is `authorization`. */
  scope: string | undefined
  /** Bytes; undefined: the gateway's limit. */
  maxBody: number | undefined
  /** Whether a body may pass that a proxy does not show. */
  isBodyUnseen: boolean
}

/** The route of a need as operators know it. */
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
    isBodyUnseen: routes.every(({ body }) => body === 'unseen'),
    maxBody: limits.length === 0 ? undefined : Math.min(...limits),
  }
}

/** Whether a route requires a proof that a request which meets a need may lack: a level, a scope, or a body that is seen. */
export function isProofStricter({ require, scope = '', body }: Route, need: Need, method: string): boolean {
  if (strengthOf(need.level) < strengthOf(require)) return true
  const scopes = need.scope?.split(' ') ?? []
  if (require === 'authorization' && !scope.split(' ').every((value) => scopes.includes(value))) return true
  return need.isBodyUnseen && body !== 'unseen' && !isBodiless(method)
}

/** A body of GET or HEAD is refused on every route. */
function isBodiless(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** Whether a request that meets a need also meets what another route requires. */
export function covers(need: Need, route: Route, method: string): boolean {
  if (isProofStricter(route, need, method)) return false
  const { maxBody } = route
  const isSmaller = need.maxBody !== undefined && maxBody !== undefined && need.maxBody <= maxBody
  return isBodiless(method) || need.maxBody === maxBody || isSmaller
}

/** Whether a GET that meets one need also meets another. */
export function coversNeed(need: Need, other: Need): boolean {
  return other.routes.every((route) => covers(need, route, 'GET'))
}

/** A route with its place in the list. */
export interface Row {
  at: number
  route: Route
}

/** All routes of one path, whatever its parameters are called. */
export interface PathRows {
  rows: readonly [Row, ...Row[]]
  pattern: PathPattern
  /** Which of {@link folds} its paths are compared in. */
  fold: number
  /** The pattern in one of {@link folds}, by what is dropped of the end of a path. @param end @default index */
  formIn(fold: number, end?: End): FoldedPattern
}

/** Groups routes by their paths. */
export function pathRowsOf(routes: Iterable<readonly [at: number, route: Route]>): PathRows[] {
  const groups = new Map<string, [Row, ...Row[]]>()
  for (const [at, route] of routes) {
    const shape = shapeOf(parsePathPattern(route.path))
    const rows = groups.get(shape)
    if (rows) rows.push({ at, route })
    else groups.set(shape, [{ at, route }])
  }
  return [...groups.values()].map((rows) => {
    const [{ route }] = rows
    const pattern = parsePathPattern(route.path)
    const fold = folds.findIndex((kept) => kept.case === !!route.case && kept.endings === !!route.endings)
    return { rows, pattern, fold, formIn: foldedForms(pattern) }
  })
}

/** Folds a pattern when it is first compared: most tables use one of the folds. */
function foldedForms(pattern: PathPattern): PathRows['formIn'] {
  const known: FoldedPattern[] = []
  let isPlain: boolean | undefined
  return (fold, end = 'index') => {
    isPlain ??= hasPlainEnd(pattern)
    const dropped = isPlain ? 'index' : end
    const at = formNumber(fold, dropped)
    known[at] ??= foldPattern(pattern, folds[fold] as Kept, dropped)
    return known[at]
  }
}

function formNumber(fold: number, end: End): number {
  return fold * ends.length + ends.indexOf(end)
}

/** Finds the rows of a table by the paths that they are for. */
export interface RowIndex {
  /** Those that may fit a raw path. */
  at(segments: readonly string[]): PathRows[]
  /** Of those that are compared in one of {@link folds}, by the folded form of a path. Empty if there are none. */
  foldedIn(fold: number, end?: End): PathIndex<PathRows>
}

export function indexRows(groups: readonly PathRows[]): RowIndex {
  const raw = createPathIndex(groups, ({ pattern }) => pattern.segments)
  const folded: PathIndex<PathRows>[] = []
  return {
    at: (segments) => raw.around(segments),
    foldedIn(fold, end = 'index') {
      const at = formNumber(fold, end)
      folded[at] ??= createPathIndex(
        groups.filter((group) => group.fold === fold),
        (group) => group.formIn(fold, end).segments,
      )
      return folded[at]
    },
  }
}

/** The route that names a method, or stands for it. */
export function routeFor({ rows }: PathRows, method: string): Route | undefined {
  let found: Route | undefined
  let nearest = Number.POSITIVE_INFINITY
  for (const { route } of rows) {
    const distance = methodDistance(method, route.method) ?? Number.POSITIVE_INFINITY
    if (distance < nearest) [found, nearest] = [route, distance]
  }
  return found
}

/** The routes whose handlers may run for a method: see {@link handledAs}. */
export function routesFor(group: PathRows, method: string): Route[] {
  return [...new Set(handledAs(method).flatMap((each) => routeFor(group, each) ?? []))]
}

/** Paths that a request was chosen for, or may be run by, in one folded form. */
export interface FoldedOwn {
  /** Those that the request still is in this form. */
  own: readonly PathRows[]
  /** The form, by what is dropped of the end of a path. @default index */
  end?: End
}

/**
 * Whether another path, which a request may be taken for in folded form, has a route that needs more. A narrower own path has precedence
 * only for the methods that it lists: a router without a handler there tries wider paths.
 *
 * @param isMore whether a route needs more than the request
 * @param ofUnlisted result for a method that the other path does not list
 */
export function isStricter(
  other: PathRows,
  method: string,
  { own, end = 'index' }: FoldedOwn,
  isMore: (route: Route) => boolean,
  ofUnlisted: () => boolean = () => isRefused(other, { own, end }),
): boolean {
  const pattern = other.formIn(other.fold, end)
  const narrower = own.filter((each) => isNarrower(each.formIn(other.fold, end), pattern))
  const handled = handledAs(method).filter((each) => routeFor(other, each))
  if (handled.length === 0) return narrower.length === 0 && ofUnlisted()
  return handled.some((each) => {
    const route = routeFor(other, each)
    return route && isMore(route) && !narrower.some((group) => routeFor(group, each))
  })
}

/** A path refuses a method that it does not list, whatever a wider one permits; but not if it is an own path in folded form. */
function isRefused(other: PathRows, { own, end }: FoldedOwn): boolean {
  const pattern = other.formIn(other.fold, end)
  const isSame = (one: FoldedPattern) => isWithin(one, pattern) && isWithin(pattern, one)
  return !own.some((each) => isSame(each.formIn(other.fold, end)))
}

/** Whether a path needs more than another one was chosen for that is not as wide. */
export function isWiderAndStricter(other: PathRows, method: string, need: Need, own: PathRows): boolean {
  if (!isNarrower(own.pattern, other.pattern)) return false
  return routesFor(other, method).some((route) => !covers(need, route, method))
}
