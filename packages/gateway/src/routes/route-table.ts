import { AAuthError } from 'countersign/resource'
import type { Withheld } from '../headers.js'
import type { IsClosed } from './closed-paths.js'
import {
  calledNames,
  interpretations,
  literalNames,
  mostListed,
  type Readings,
  readingsOf,
  requireNamedCalls,
  spelledReadings,
} from './interpretations.js'
import { type FoldedPattern, foldedFits, patternFits } from './path-pattern.js'
import {
  type FoldedOwn,
  indexRows,
  isStricter,
  isWiderAndStricter,
  mayNeedMore,
  mostSpecific,
  type PathRows,
  pathRowsOf,
  routeFor,
  routesAmong,
  routesFor,
} from './path-rows.js'
import type { QueryPath } from './query-paths.js'
import { createFoldOnce, type FoldOnce, foldedForms, folds, type ParsedPath } from './request-path.js'
import {
  type Accept,
  covers,
  isProofStricter,
  lastParameterOf,
  type Need,
  needOf,
  plainMethods,
  type Route,
  withAccept,
} from './route.js'
import { examineTable } from './route-collisions.js'
import { divergesTo, hasUnusualParameter, isParent, takesRest } from './router-behavior.js'

/** The rules by which requests are checked. */
export interface GatewayRules {
  table: RouteTable
  /** Paths that are handled elsewhere. No route may match another spelling of such a path. @default none */
  isClosed?: IsClosed | undefined
  /** Whether a request without signature headers is refused, or left to the upstream's own authentication. */
  otherwise: 'refuse' | 'pass'
  /**
   * Whether the API may interpret any query key or value, form value or cookie as the path. @default only `rest_route`, and those in a
   * query or form that start with a slash
   */
  frontController?: boolean | undefined
  /** Whether OAuth access tokens are accepted. @default false */
  acceptsOAuth?: boolean | undefined
  /** The `Authorization` headers that are not forwarded. @default none */
  withheld?: Withheld
}

export interface RouteTable {
  /**
   * Looks up a path for all methods.
   *
   * @throws AAuthError `target_ambiguous` for `;` or encoded delimiters that the path's routes do not permit
   */
  at(path: ParsedPath): RoutedPath
  /**
   * Refuses a query that contains a path that a front controller may run and whose route requires more (G48).
   *
   * @param need requirements of the path itself; undefined if no route matches it
   * @throws AAuthError `target_ambiguous`
   */
  requireNoStricterQuery(query: readonly QueryPath[], method: string, need: Need | undefined): void
  /** Whether any route or MCP server requires a proof that a request with these requirements may lack. */
  hasStricter(need: Need): boolean
}

/** A path that has been looked up once for all methods. */
export interface RoutedPath {
  /** The requirements for a request, based on its raw path; undefined if no route matches. */
  need(method: string): Need | undefined
  /**
   * Refuses a path that also matches a stricter route once it is folded as some servers fold it (W39, G15).
   *
   * @throws AAuthError `target_ambiguous`
   */
  requireNoStricter(method: string, need: Need): void
  /** Whether a request that meets these requirements also meets those of another method, regardless of how the path is folded. */
  isMet(method: string, need: Need): boolean
  /** The methods for which there is a route. */
  methods(): readonly string[]
}

/**
 * Creates a table of routes, which may be in any order. Among the paths that list the method, the most specific ones that match a raw path
 * apply; within each path, the route that lists the method applies. If none of the most specific paths lists the method, no wider route
 * applies.
 *
 * @param mcpPaths paths of MCP servers, which may require more than any route, so that open routes around them need `fallback`. @default none
 * @param accept how requests to routes may prove what a user allowed. @default by signatures only
 * @throws TypeError for routes that contradict each other, or that lenient servers could confuse (W39)
 */
export function createRouteTable(all: readonly Route[], mcpPaths: readonly string[] = [], accept?: Accept): RouteTable {
  const routes = all.map((route) => withAccept(route, accept))
  const groups = pathRowsOf(routes.entries())
  const index = indexRows(groups)
  const { collisions, shadows } = examineTable(groups, index, mcpPaths)
  const [collision] = collisions
  if (collision) throw new TypeError(`routes[${collision.at}] ${collision.problem}`)
  const listed = new Set(routes.flatMap(({ method }) => (method === '*' ? [...plainMethods] : method)))
  const called = calledNames(groups.map(({ pattern }) => pattern))
  const literals = literalNames(groups.map(({ pattern }) => pattern))
  const byFold = folds.flatMap((kept, fold) => {
    const compared = groups.filter((group) => group.fold === fold)
    return compared.length === 0 ? [] : [{ kept, fold, compared }]
  })

  function fittingAt(segments: readonly string[]): PathRows[] {
    return index.at(segments).filter(({ pattern }) => patternFits(pattern, segments))
  }

  function lookUp(path: ParsedPath): RoutedPath {
    const segments = path.hasParameters ? withoutParameters(path.segments) : path.segments
    const fitting = fittingAt(segments)
    const chosen = mostSpecific(fitting)
    requirePermitted(path, chosen)
    let readings: Readings | undefined
    let foldedMatches: FoldedMatch[] | undefined

    function need(method: string): Need | undefined {
      if (!chosen.some((group) => routeFor(group, method))) return undefined
      const [one, ...others] = routesAmong(fitting, method)
      return one && needOf([one, ...others])
    }

    function requireNoStricter(method: string, need: Need): void {
      const patterns = chosen.map(({ pattern }) => pattern)
      requireNamedCalls(path, patterns, called.size > 0 ? undefined : literals)
      const problem = stricterReading(method, need)
      if (problem !== undefined) throw ambiguous(problem)
    }

    /** Describes how some servers interpret the path in a way that requires more; undefined if no server does. */
    function stricterReading(method: string, need: Need): string | undefined {
      if (isWiderRun(method, need)) return 'For this path, some servers run a wider route, which requires more'
      readings ??= readingsOf(path, called)
      const { paths, unlisted } = readings
      if (unlisted.some((names) => mayNeedMore(groups, names, method, need)))
        return `The path has lists of more than ${mostListed} items, some of which may require more`
      foldedMatches ??= [...matchesOf(paths, createFoldOnce(), { chosen })]
      const isMore = (route: Route) => !covers(need, route, method)
      const isFallback = need.routes.every(({ fallback }) => fallback)
      const isFound = (match: FoldedMatch) =>
        isStricter(match.other, method, match, isMore) && !isShadowed(need, match.other)
      const found = foldedMatches.find((match) => (isFallback || !match.isParent) && isFound(match))
      return found && problemOf(found, method)
    }

    function isWiderRun(method: string, own: Need): boolean {
      if (own.routes.every(({ mayShadow }) => mayShadow)) return false
      const isMore = (route: Route) => !covers(own, route, method)
      if (spelledReadings(path).some((read) => [...routesAmong(fittingAt(read), method)].some(isMore))) return true
      const isPassedOver = ({ pattern }: PathRows) =>
        hasUnusualParameter(pattern, segments) || groups.some((other) => divergesTo(pattern, other.pattern, segments))
      return chosen.some(
        (group) => fitting.some((other) => isWiderAndStricter(other, method, own, group)) && isPassedOver(group),
      )
    }

    function isShadowed({ routes: chosenRoutes }: Need, other: PathRows): boolean {
      return chosenRoutes.every((route) => shadows.get(route)?.has(other))
    }

    const isMet = (method: string, own: Need) => stricterReading(method, own) === undefined
    return { need, requireNoStricter, isMet, methods: () => [...listed].filter((method) => need(method) !== undefined) }
  }

  /** The rows that a server may run for decoded paths, in one of their folded forms. */
  function* matchesOf(
    paths: Iterable<readonly string[]>,
    foldOnce: FoldOnce,
    { chosen, isRest = false }: { chosen?: readonly PathRows[]; isRest?: boolean },
  ): Generator<FoldedMatch> {
    for (const { kept, fold, compared } of byFold)
      for (const names of paths)
        for (const { end, names: folded } of foldedForms(names, kept, foldOnce)) {
          const formOf = (group: PathRows) => group.formIn(fold, end)
          const [selected, last] = [chosen?.map(formOf) ?? [], foldOnce(names[folded.length - 1] ?? '', kept)]
          const read = chosen && !kept.endings ? { own: selected, last } : undefined
          const fits = (group: PathRows) => {
            const form = formOf(group)
            return foldedFits(form, isRest ? belowFirst(form, folded) : folded, read)
          }
          const near = read && folded.length > 0 ? folded.with(-1, last) : folded
          const fitting = (isRest ? compared : index.foldedIn(fold, end).around(near)).filter(fits)
          const own = chosen?.filter(fits) ?? (isRest ? [] : fitting)
          for (const other of fitting) yield { other, own, end }
          for (const other of chosen ? index.foldedIn(fold, end).around(folded) : [])
            if (takesRest(formOf(other), folded, selected)) yield { other, own, end }
            else if (isParent(formOf(other), folded, chosen)) yield { other, own, end, isParent: true }
        }
  }

  function requireNoStricterQuery(query: readonly QueryPath[], method: string, own: Need | undefined): void {
    const foldOnce = createFoldOnce()
    const isMore = (route: Route) => (own ? !covers(own, route, method) : route.require !== 'none')
    // If a front controller handles a method that no route lists, the strictest route for the path applies.
    const isStricterPath = (match: FoldedMatch, literalAt: number) =>
      (literalAt === -1 || match.other.formIn(match.other.fold, match.end).segments[literalAt]?.free === false) &&
      isStricter(match.other, method, match, isMore, () => match.other.rows.some(({ route }) => isMore(route)))
    for (const { names, isRest, literalAt = 0 } of query) {
      const read = interpretations({ decoded: names, encoded: undefined, hasParameters: false })
      const paths = read.map((each) => each.names)
      for (const match of matchesOf(paths, foldOnce, { isRest }))
        if (isStricterPath(match, literalAt))
          throw ambiguous('Some servers treat a field in this request as its path, and that path requires more')
    }
  }

  const hasStricter = (need: Need) => mcpPaths.length > 0 || routes.some((route) => isProofStricter(route, need, 'GET'))
  return { at: rememberPaths(lookUp), requireNoStricterQuery, hasStricter }
}

/** Maximum number of paths that are remembered. */
const mostRemembered = 1000

/** Looks up a path only once, and decides only once per method. Most requests are for the same few paths. */
function rememberPaths(lookUp: (path: ParsedPath) => RoutedPath): (path: ParsedPath) => RoutedPath {
  const known = new Map<string, RoutedPath>()
  return (path) => {
    const text = path.segments.join('/')
    // Other paths have more interpretations, which would have to be kept as well.
    if (!/^[\w/-]{0,256}$/.test(text)) return lookUp(path)
    let routed = known.get(text)
    if (!routed) {
      if (known.size >= mostRemembered) known.clear()
      routed = rememberVerdicts(lookUp(path))
      known.set(text, routed)
    }
    return routed
  }
}

function rememberVerdicts(routed: RoutedPath): RoutedPath {
  const needs = new Map<string, Need>()
  const permitted = new Set<Need>()
  return {
    ...routed,
    need(method) {
      const need = needs.get(method) ?? routed.need(method)
      if (need) needs.set(method, need)
      return need
    },
    requireNoStricter(method, need) {
      const isOwn = needs.get(method) === need
      if (isOwn && permitted.has(need)) return
      routed.requireNoStricter(method, need)
      if (isOwn) permitted.add(need)
    },
  }
}

/** A row that a server may run for a path in one of the path's folded forms, and the selected rows that also match in this form. */
interface FoldedMatch extends FoldedOwn {
  other: PathRows
}

function problemOf({ other }: FoldedMatch, method: string): string {
  const isListed = routesFor(other, method).length > 0
  return `Some servers treat this path as another one, ${isListed ? 'which needs more' : `for which no route lists ${method}`}`
}

/** The names below the first name of a pattern, such as those below `/wp-json` in WordPress. */
function belowFirst({ segments: [first] }: FoldedPattern, names: readonly string[]): readonly string[] {
  return first ? [first.before, ...names] : names
}

function ambiguous(problem: string): AAuthError {
  return new AAuthError('target_ambiguous', `${problem}: send the request as the API documents it.`)
}

function withoutParameters(segments: readonly string[]): readonly string[] {
  return segments.with(-1, (segments.at(-1) as string).replace(/;.*$/, ''))
}

/** Refuses `;…` and encoded delimiters unless every selected route permits them in that position. */
function requirePermitted({ hasParameters, encoded }: ParsedPath, chosen: readonly PathRows[]): void {
  if (!hasParameters && !encoded) return
  const isPermitted = chosen.map(({ rows: [row] }) => {
    const { path, pathParameters, encoded: octets = [] } = row.route
    const isEncodable =
      !encoded || (encoded.at === lastParameterOf(path) && encoded.octets.every((octet) => octets.includes(octet)))
    return isEncodable && (!hasParameters || pathParameters === true)
  })
  if (isPermitted.length > 0 && isPermitted.every(Boolean)) return
  const problem = encoded ? `${encoded.octets.join(' and ')} in a segment` : '; in its last segment'
  throw new AAuthError('target_ambiguous', `The path has ${problem}, which no route permits here.`)
}
