import { loosePaths, loosePatterns, withoutEnding } from './loose-path.js'
import { methodDistance, plainMethods } from './methods.js'
import {
  bySpecificity,
  type PathPattern,
  parsePathPattern,
  patternFits,
  patternFitsAbove,
  patternFitsEnding,
  shapeOf,
} from './path-pattern.js'
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
  /** What requests for a path need. `path` is its segments, which everybody reads in one way. */
  at(path: readonly string[]): RoutedPath
}

/** A path that was looked up once, for all methods. */
export interface RoutedPath {
  /** What a request needs; undefined where no route lists it. */
  need(method: string): Need | undefined
  /** The methods that may be asked with. */
  methods(): readonly string[]
}

interface Row {
  route: Route
  /** The same for the same paths. */
  shape: string
  exact: PathPattern
  /** For each way to read a path. */
  loose: readonly PathPattern[]
}

type Fits = (row: Row) => boolean

/**
 * A table of routes, in any order. Those that say most of the path are taken, of each path the one that names the method; where none of
 * them has the method, the path is not asked for with it, whatever a wider route says. Several that say as much of it are taken
 * together, and so are those of paths that an upstream may read this one as (G15).
 */
export function createRouteTable(routes: readonly Route[]): RouteTable {
  const rows: readonly Row[] = routes.map((route) => {
    const exact = parsePathPattern(route.path)
    return { route, exact, shape: shapeOf(exact), loose: loosePatterns(exact) }
  })

  const listed = new Set(rows.flatMap(({ route }) => (route.method === '*' ? [...plainMethods] : route.method)))

  function at(path: readonly string[]): RoutedPath {
    const exact = mostSaying(rows.filter((row) => patternFits(row.exact, path)))
    const [first] = exact
    const loose = loosePaths(path)
    const bare = path.length > 1 && path.at(-1) === '' ? path.slice(0, -1) : path
    const isSure: Fits = (row) => patternFits(row.exact, bare)
    const groupsOf = (fits: Fits) => chosen(rows.filter(fits), isSure)
    const read = readings(loose).flatMap(groupsOf)
    const beyond = [...endings(loose).flatMap(groupsOf), ...byShape(rows.filter(above(loose, first)))]

    function need(method: string): Need | undefined {
      const taken = exact.length > 0 ? ofMethod(method, exact) : []
      if (taken === undefined) return undefined

      /** Adds what a group of rows needs; false where that is a narrower route without the method. */
      function add(group: readonly Row[]): boolean {
        const named = ofMethod(method, group)
        if (!named && group.some((row) => !first || exact.some((own) => compared(row, own) < 0))) return false
        taken?.push(...(named ?? []).filter((row) => !patternFits(row.exact, path)))
        return true
      }

      const isTold = read.every(add) && (taken.length === 0 || beyond.every(add))
      const [one, ...others] = isTold ? new Set(taken.map(({ route }) => route)) : []
      return one && needOf([one, ...others])
    }

    return { need, methods: () => [...listed].filter((method) => need(method) !== undefined) }
  }

  return { at }
}

function compared({ loose: [one] }: Row, { loose: [other] }: Row): number {
  return bySpecificity(one as PathPattern, other as PathPattern)
}

/** Those of the rows that no other one says more than. */
function mostSaying(rows: readonly Row[]): Row[] {
  return rows.filter((row) => !rows.some((other) => compared(other, row) < 0))
}

/**
 * The rows that one server or another takes, from those that say most of the path. One that the path names only in other letters, or
 * with something trimmed, is not taken by a stricter server: that takes what says most besides.
 */
function chosen(rows: readonly Row[], isSure: Fits): Row[][] {
  const groups: Row[][] = []
  for (let left = rows; left.length > 0; ) {
    const most = mostSaying(left)
    groups.push(most)
    const sure = most.filter(isSure)
    left = left.filter((row) => !most.includes(row) && !sure.some((one) => compared(one, row) < 0))
  }
  return groups
}

function byShape(rows: readonly Row[]): Row[][] {
  const shapes = new Set(rows.map(({ shape }) => shape))
  return [...shapes].map((shape) => rows.filter((row) => row.shape === shape))
}

/** Of each path the rows that name the method, or else those that stand for it; undefined where there is none at all. */
function ofMethod(method: string, rows: readonly Row[]): Row[] | undefined {
  const distance = ({ route }: Row) => methodDistance(method, route.method) ?? Number.POSITIVE_INFINITY
  const named = rows.filter((row) => {
    const own = distance(row)
    return own < Number.POSITIVE_INFINITY && !rows.some((other) => other.shape === row.shape && distance(other) < own)
  })
  return named.length > 0 ? named : undefined
}

type LoosePaths = ReturnType<typeof loosePaths>

/** The ways to read a path as that of a row. */
function readings(paths: LoosePaths): Fits[] {
  return paths.flatMap((path, at) => {
    const bare = withoutEnding(path)
    return [path, ...(bare ? [bare] : [])].map((read) => (row: Row) => looselyFits(row.loose[at] as PathPattern, read))
  })
}

/** With endings of any kind, which make no route of what has none. */
function endings(paths: LoosePaths): Fits[] {
  if (!paths[0]?.at(-1)?.includes('.')) return []
  return paths.map((path, at) => (row: Row) => patternFitsEnding(row.loose[at] as PathPattern, path))
}

/** As what is below a file, unless the route that was taken names that file itself. */
function above([path = []]: LoosePaths, taken: Row | undefined): Fits {
  return ({ loose: [pattern] }) => {
    if (!pattern) return false
    const own = taken?.exact.segments[pattern.segments.length - 1]
    return (!own || own.free) && patternFitsAbove(pattern, path)
  }
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
