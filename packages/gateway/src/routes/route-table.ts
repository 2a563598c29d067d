import { loosePath, looseText, withoutEnding } from './loose-path.js'
import { methodFits } from './methods.js'
import { bySpecificity, type PathPattern, parsePathPattern, patternFits } from './path-pattern.js'
import { type Level, type Route, strengthOf } from './route.js'

/** What a request needs. */
export interface Need {
  /** The routes that it is judged by: mostly one; several where the upstream may read the path in several ways. */
  routes: readonly [Route, ...Route[]]
  level: Level
  /** Space-separated; undefined unless the level is `authorization`. */
  scope: string | undefined
  /** Bytes; undefined: what the gateway says. */
  maxBody: number | undefined
  /** Whether a body may pass that a proxy does not show. */
  isBodyUnseen: boolean
}

/** What operators know the routes of a need by: the one that says most of the path. */
export function routeName({ routes: [route] }: Need): string {
  return `${route.method} ${route.path}`
}

export interface RouteTable {
  /** What a request needs; undefined where no route lists it. `path` is its segments, which everybody reads in one way. */
  find(method: string, path: readonly string[]): Need | undefined
  /** The methods that some route lists for a path. */
  methodsAt(path: readonly string[]): readonly string[]
}

interface Row {
  route: Route
  exact: PathPattern
  loose: PathPattern
}

/**
 * A table of routes, in any order: the one that says most of the path is taken, and among equals the one that names the method.
 * A path that an upstream may read as that of another route needs what both need (G15).
 */
export function createRouteTable(routes: readonly Route[]): RouteTable {
  const rows: Row[] = routes
    .map((route) => {
      const exact = parsePathPattern(route.path)
      return { route, exact, loose: loosePattern(exact) }
    })
    .toSorted(
      (one, other) =>
        bySpecificity(one.loose, other.loose) || Number(one.route.method === '*') - Number(other.route.method === '*'),
    )

  /** All routes that an upstream may answer a path by: ours, and those it has by a lenient reading and not by ours. */
  function matches(path: readonly string[], fits: (route: Route) => boolean): Route[] {
    const fitting = rows.filter(({ route }) => fits(route))
    const exact = fitting.find((row) => patternFits(row.exact, path))
    const loose = loosePath(path)
    const bare = withoutEnding(loose)
    const others = [loose, ...(bare ? [bare] : [])]
      .flatMap((read) => firstOf(fitting.filter((row) => looselyFits(row.loose, read))))
      .filter((row) => !patternFits(row.exact, path))
    return [...new Set([...(exact ? [exact] : []), ...others].map(({ route }) => route))]
  }

  return {
    find(method, path) {
      const [first, ...others] = matches(path, (route) => methodFits(method, route.method))
      return first && needOf([first, ...others])
    },
    methodsAt(path) {
      const methods = rows.map(({ route }) => route.method)
      return [...new Set(methods)].filter((method) => matches(path, (route) => route.method === method).length > 0)
    },
  }
}

/** Those of the rows that say as much of the path as the first does, of each path the one that names the method. */
function firstOf(rows: readonly Row[]): Row[] {
  const [first] = rows
  if (!first) return []
  const equals = rows.filter(({ loose }) => bySpecificity(loose, first.loose) === 0)
  return equals.filter(({ route }, at) => equals.findIndex((other) => other.route.path === route.path) === at)
}

function loosePattern({ segments, open }: PathPattern): PathPattern {
  const loose = segments.map((segment) => ({
    ...segment,
    before: segment.free ? fold(segment.before) : looseText(segment.before),
    after: fold(segment.after),
  }))
  const isSlash = ({ before, free }: (typeof loose)[number]) => before === '' && !free
  while (loose.length > 1 && loose.at(-1) && isSlash(loose.at(-1) as (typeof loose)[number])) loose.pop()
  return { segments: loose, open }
}

function fold(text: string): string {
  return text.toUpperCase().toLowerCase()
}

/** The slash in front of `*` may be missing, too. */
function looselyFits(pattern: PathPattern, path: readonly string[]): boolean {
  return patternFits(pattern, path) || (pattern.open && patternFits({ ...pattern, open: false }, path))
}

/** What several routes need together. */
function needOf(routes: readonly [Route, ...Route[]]): Need {
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
