import { folds, type Kept } from './fold.js'
import {
  type FoldedPattern,
  foldPattern,
  isFoldedWithin,
  isNarrower,
  isOverlapping,
  isWithin,
  mayBeginAs,
  parsePathPattern,
  patternInterpretations,
  type Segment,
} from './path-pattern.js'
import {
  indexRows,
  isProofStricter,
  isStricter,
  isWiderAndStricter,
  needOf,
  type PathRows,
  pathRowsOf,
  type Row,
  type RowIndex,
  routeFor,
  routesFor,
} from './path-rows.js'
import { pathMembers, plainMethods, type Route } from './route.js'

/** A problem of a table, with the place of the route that has it. */
export interface RouteCollision {
  at: number
  problem: string
}

/**
 * What routes, each correct in itself, cannot mean together (G42, G46, G52, W39).
 *
 * @param mcpPaths Paths of MCP servers, which are stricter than any route around them. @default none
 */
export function routeCollisions(
  routes: Iterable<readonly [at: number, route: Route]>,
  mcpPaths: readonly string[] = [],
): RouteCollision[] {
  const groups = pathRowsOf(routes)
  return collisionsAmong(groups, indexRows(groups), mcpPaths)
}

/** As {@link routeCollisions}, of rows that are grouped and indexed. */
export function collisionsAmong(
  groups: readonly PathRows[],
  index: RowIndex,
  mcpPaths: readonly string[] = [],
): RouteCollision[] {
  const contradictions = groups.flatMap(contradictionsIn)
  if (contradictions.length > 0) return contradictions
  const shadowed = [...shadowsIn(groups, index)]
  const refused = shadowed.filter(({ row }) => !row.route.mayShadow).map(refusal)
  const shadowing = new Set([...shadowed, ...widerIn(groups)].map(({ row }) => row.at))
  const around = [...aroundStricter(groups, index), ...besideMounts(groups), ...aroundMcp(groups, mcpPaths)]
  const surrounding = new Set(around.map(({ row }) => row.at))
  const needless = groups.flatMap(({ rows }) =>
    rows.flatMap(({ at, route }) => [
      ...(route.mayShadow && !shadowing.has(at)
        ? [{ at, problem: 'has mayShadow, but shadows no stricter route: leave it out' }]
        : []),
      ...(route.fallback && !surrounding.has(at)
        ? [{ at, problem: 'has fallback, but no route within it requires more: leave it out' }]
        : []),
    ]),
  )
  const open = around.filter(({ row }) => !row.route.fallback).map(openRefusal)
  // One problem of each kind is enough for a row.
  const firstOpen = new Map(open.toReversed().map((each) => [each.at, each])).values()
  const all = [...refused, ...firstOpen, ...needless]
  return [...new Map(all.map((each) => [`${each.at} ${each.problem}`, each])).values()]
}

/** MCP servers that `otherwise: 'pass'` surrounds as an open route does, and that no route with `fallback` says to have one name. */
export function passAroundMcp(
  routes: Iterable<Partial<Route>>,
  { otherwise, mcp = [] }: { otherwise?: 'refuse' | 'pass' | undefined; mcp?: readonly { path: string }[] | undefined },
): { setting: string; problem: string }[] {
  if (otherwise !== 'pass') return []
  const declared = [...routes].flatMap(({ fallback, path }) => (fallback && path ? [parsePathPattern(path)] : []))
  const open = mcp.find(({ path }) => !declared.some((pattern) => isWithin(parsePathPattern(path), pattern)))
  if (!open) return []
  const problem = `cannot be pass beside the MCP server at ${open.path}: if the API has another name for that, an unsigned request passes there. Use refuse and list the open paths, or give the MCP server another gateway. If the API has no other name for it, add a route around it with fallback: true`
  return [{ setting: 'otherwise', problem }]
}

/** An open route with a path within it that requires more. */
interface Surrounding {
  row: Row
  /** The stricter one, as operators know it. */
  within: string
}

/**
 * Open routes that require less than a route which shares paths with them and is not as wide. Whatever other name the API has for a path
 * of that one, they let it pass.
 */
function* aroundStricter(groups: readonly PathRows[], index: RowIndex): Generator<Surrounding> {
  const used = foldsOf(groups)
  for (const group of groups.filter(({ pattern }) => pattern.open))
    for (const fold of used)
      for (const other of new Set(
        openReadings(group, fold).flatMap(({ segments }) => index.foldedIn(fold).sharing(segments)),
      )) {
        if (other === group || !isAround(group, other.formIn(fold), fold)) continue
        for (const row of group.rows) {
          const strict = stricterRow(row, group, other)
          if (!strict) continue
          const { method, path } = strict.route
          const within = `requires less than ${method} ${path} of routes[${strict.at}], which shares paths with it`
          yield { row, within }
        }
      }
}

/** Routes with a parameter, beside a stricter open route that some servers run for each path that begins with its text. */
function* besideMounts(groups: readonly PathRows[]): Generator<Surrounding> {
  const mounts = groups.filter(({ pattern: { open, segments } }) => open && segments.at(-1)?.free === false)
  for (const group of groups.filter(({ pattern }) => !pattern.open && pattern.segments.some(({ free }) => free)))
    for (const other of mounts) {
      const [own, mount] = [group.formIn(other.fold), other.formIn(other.fold)]
      if (!mayBeginAs(own, mount) || isFoldedWithin(own, mount)) continue
      for (const row of group.rows) {
        const strict = stricterRow(row, group, other)
        if (!strict) continue
        const { method, path } = strict.route
        const within = `requires less than ${method} ${path} of routes[${strict.at}], which some servers run for every path that begins so`
        yield { row, within }
      }
    }
}

/**
 * The row of another path that requires more than a row for one of its methods. A method that the other path does not list counts as
 * each that it lists: what a framework mounts at a path handles every method.
 */
function stricterRow({ route }: Row, group: PathRows, other: PathRows): Row | undefined {
  const stricter = methodsOf(route, group).flatMap((method) => {
    const need = needOf([route, ...routesFor(group, method)])
    const listed = routesFor(other, method)
    const handled = listed.length > 0 ? listed : other.rows.map((row) => row.route)
    return handled.filter((each) => isProofStricter(each, need, method))
  })
  return other.rows.find((row) => stricter.includes(row.route))
}

/** Open routes with the path of an MCP server within them: its table may require more than any route. */
function* aroundMcp(groups: readonly PathRows[], mcpPaths: readonly string[]): Generator<Surrounding> {
  for (const path of mcpPaths) {
    const pattern = foldPattern(parsePathPattern(path), folds[0] as Kept)
    for (const group of groups.filter(({ pattern: { open } }) => open))
      if (isAround(group, pattern, 0))
        for (const row of group.rows) yield { row, within: `surrounds the MCP server at ${path}` }
  }
}

/** Whether an open path shares paths with another one, and is not within it. */
function isAround(group: PathRows, other: FoldedPattern, fold: number): boolean {
  return openReadings(group, fold).some((read) => isOverlapping(read, other) && !isFoldedWithin(read, other))
}

function openReadings({ pattern }: PathRows, fold: number): FoldedPattern[] {
  return patternInterpretations(pattern, folds[fold] as Kept).filter(({ open }) => open)
}

function openRefusal({ row: { at, route }, within }: Surrounding): RouteCollision {
  return {
    at,
    problem: `is ${route.method} ${route.path}, which ${within}: if the API has another name for that, this route lets it pass. List the open paths instead, since a path that is not listed is refused. If the API has no other name for it, set fallback: true on routes[${at}]`,
  }
}

/** The paths that each route with `mayShadow` may be taken for. */
export function shadowsOf(groups: readonly PathRows[], index: RowIndex): ReadonlyMap<Route, ReadonlySet<PathRows>> {
  const shadows = new Map<Route, Set<PathRows>>()
  if (!groups.some(({ rows }) => rows.some(({ route }) => route.mayShadow))) return shadows
  for (const { row, other } of shadowsIn(groups, index))
    shadows.set(row.route, (shadows.get(row.route) ?? new Set()).add(other))
  return shadows
}

interface Shadow {
  row: Row
  group: PathRows
  /** The stricter path that some server takes all paths of the row for. */
  other: PathRows
}

function* shadowsIn(groups: readonly PathRows[], index: RowIndex): Generator<Shadow> {
  const used = foldsOf(groups)
  for (const group of groups)
    for (const fold of used) {
      const read = patternInterpretations(group.pattern, folds[fold] as Kept)
      const others = new Set(read.flatMap(({ segments }) => index.foldedIn(fold).around(segments.map(textOf))))
      for (const other of others) {
        if (other === group) continue
        for (const row of group.rows) if (isShadow(row.route, group, { other, fold, read })) yield { row, group, other }
      }
    }
}

/** Which of {@link folds} some path is compared in. */
function foldsOf(groups: readonly PathRows[]): ReadonlySet<number> {
  return new Set(groups.map(({ fold }) => fold))
}

function textOf({ before }: Segment): string {
  return before
}

/** Wider, stricter paths, which a server tries if it takes no parameter as long as that of a row. Only of rows with `mayShadow`. */
function* widerIn(groups: readonly PathRows[]): Generator<Shadow> {
  for (const group of groups.filter(({ pattern }) => pattern.segments.some(({ free }) => free)))
    for (const row of group.rows.filter(({ route }) => route.mayShadow))
      for (const other of groups) {
        const need = needOf([row.route])
        if (methodsOf(row.route, group).some((method) => isWiderAndStricter(other, method, need, group)))
          yield { row, group, other }
      }
}

/** The methods that a route decides. */
function methodsOf(route: Route, group: PathRows): string[] {
  return [...new Set([...plainMethods, route.method])].filter((method) => routeFor(group, method) === route)
}

function isShadow(
  route: Route,
  group: PathRows,
  { other, fold, read }: { other: PathRows; fold: number; read: readonly FoldedPattern[] },
): boolean {
  const pattern = other.formIn(fold)
  return read.some((path) => {
    if (!isFoldedWithin(path, pattern)) return false
    const form = group.formIn(fold)
    const own = isWithin(path, form) ? [group] : []
    // A request whose method the narrower path does not handle is judged by both.
    if (own.length > 0 && isNarrower(form, pattern)) return false
    return methodsOf(route, group).some((method) => isStricter({ ...other, fold }, method, needOf([route]), { own }))
  })
}

function refusal({ row: { at, route }, group, other }: Shadow): RouteCollision {
  const [strict] = other.rows
  const places = other.rows.map(({ at: place }) => `routes[${place}]`).join(' and ')
  // The settings that suffice, one rather than both.
  const fold = folds.findIndex(
    (kept, index) =>
      (index & other.fold) === other.fold &&
      !isShadow(route, group, { other, fold: index, read: patternInterpretations(group.pattern, kept) }),
  )
  const settings = (['case', 'endings'] as const).filter((member) => fold !== -1 && folds[fold]?.[member])
  const declared = settings.map((member) => `${member}: 'kept'`).join(' and ')
  const kept = declared === '' ? '' : ` If the API keeps the two apart, set ${declared} on ${places}.`
  return {
    at,
    problem: `is ${route.method} ${route.path}, which some servers take for ${strict.route.path} of ${places}, and that needs more.${kept} If the API may take it for either, set mayShadow: true on routes[${at}]`,
  }
}

/** Rows of one path that say different things of the same requests, or of the path. */
function contradictionsIn({ rows: [first, ...others] }: PathRows): RouteCollision[] {
  const seen = [first]
  return others.flatMap(({ at, route }) => {
    const same = seen.find((row) => row.route.method === route.method)
    seen.push({ at, route })
    const problems: RouteCollision[] = []
    if (same && !isAlike(route, same.route))
      problems.push({
        at,
        problem: `says otherwise of ${route.method} ${route.path} than routes[${same.at}] of ${same.route.method} ${same.route.path}: keep one`,
      })
    for (const member of pathMembers)
      if (String(route[member]) !== String(first.route[member]))
        problems.push({
          at,
          problem: `has another ${member} than routes[${first.at}], which is for the same path: set it on both`,
        })
    return problems
  })
}

function isAlike(one: Route, other: Route): boolean {
  return (['require', 'scope', 'maxBody', 'body', 'mayShadow', 'mayNameMethod', 'fallback'] as const).every(
    (member) => one[member] === other[member],
  )
}
