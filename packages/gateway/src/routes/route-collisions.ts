import {
  type FoldedPattern,
  foldPattern,
  isFoldedWithin,
  isNarrower,
  isOverlapping,
  isWithin,
  parsePathPattern,
  patternInterpretations,
  sharesPrefix,
} from './path-pattern.js'
import {
  indexRows,
  isStricter,
  isWiderAndStricter,
  type PathRows,
  pathRowsOf,
  type Row,
  type RowIndex,
  routeFor,
  routesFor,
} from './path-rows.js'
import { folds, type Kept } from './request-path.js'
import {
  acceptsOAuth,
  covers,
  isProofStricter,
  needOf,
  pathMembers,
  plainMethods,
  type Route,
  strengthOf,
} from './route.js'

/** A problem with a table, and the index of the route. */
export interface RouteCollision {
  at: number
  problem: string
}

/** For each route with `mayShadow`: the stricter rows that may serve its paths. */
export type Shadows = ReadonlyMap<Route, ReadonlySet<PathRows>>

/** A weaker row, some of whose paths a server may treat as paths of a stricter row. */
interface Finding {
  row: Row
  /** The setting by which the row accepts this. */
  setting: 'mayShadow' | 'fallback'
  /** The problem if the setting is missing. */
  problem: () => string
}

/**
 * Finds routes that are valid on their own, but that contradict each other or that servers could confuse (G42, G46, G52, W39).
 *
 * @param mcpPaths paths of MCP servers, which are stricter than any route around them. @default none
 */
export function routeCollisions(
  routes: Iterable<readonly [at: number, route: Route]>,
  mcpPaths: readonly string[] = [],
): RouteCollision[] {
  const groups = pathRowsOf(routes)
  return examineTable(groups, indexRows(groups), mcpPaths).collisions
}

/** Like {@link routeCollisions}, but for a table whose rows have already been grouped and indexed. */
export function examineTable(
  groups: readonly PathRows[],
  index: RowIndex,
  mcpPaths: readonly string[],
): { collisions: RouteCollision[]; shadows: Shadows } {
  const shadows = new Map<Route, Set<PathRows>>()
  const contradictions = groups.flatMap(contradictionsIn)
  if (contradictions.length > 0) return { collisions: contradictions, shadows }
  const found = [...shadowsIn(groups, index)]
  for (const { row, other } of found) shadows.set(row.route, (shadows.get(row.route) ?? new Set()).add(other))
  const findings: Finding[] = [
    ...found.map((shadow): Finding => ({ ...shadow, setting: 'mayShadow', problem: () => shadowProblem(shadow) })),
    ...widerIn(groups),
    ...aroundStricter(groups, index),
    ...besideMounts(groups),
    ...aroundMcp(groups, mcpPaths),
  ]
  const collisions = new Map<string, RouteCollision>()
  for (const { row, setting, problem } of findings) {
    if (row.route[setting]) continue
    const collision = { at: row.at, problem: problem() }
    // One problem of this kind per row is enough.
    const key = setting === 'fallback' ? `${row.at}` : `${row.at} ${collision.problem}`
    if (!collisions.has(key)) collisions.set(key, collision)
  }
  return { collisions: [...collisions.values(), ...needlessSettings(groups, findings)], shadows }
}

function needlessSettings(groups: readonly PathRows[], findings: readonly Finding[]): RouteCollision[] {
  const needed = new Set(findings.map(({ row, setting }) => `${setting} ${row.at}`))
  const reasons = {
    mayShadow: 'shadows no stricter route',
    fallback: 'no stricter route or MCP server shares its paths',
  }
  return groups.flatMap(({ rows }) =>
    rows.flatMap(({ at, route }) =>
      (['mayShadow', 'fallback'] as const)
        .filter((setting) => route[setting] && !needed.has(`${setting} ${at}`))
        .map((setting) => ({ at, problem: `has ${setting}, but ${reasons[setting]}: remove ${setting}` })),
    ),
  )
}

/**
 * MCP servers that `otherwise: 'pass'` surrounds in the same way as an open route, unless a route with `fallback` declares that the API has
 * no other names for them.
 */
export function passAroundMcp(
  routes: Iterable<Partial<Route>>,
  { otherwise, mcp = [] }: { otherwise?: 'refuse' | 'pass' | undefined; mcp?: readonly { path: string }[] | undefined },
): { setting: string; problem: string }[] {
  if (otherwise !== 'pass') return []
  const declared = [...routes].flatMap(({ fallback, path }) => (fallback && path ? [parsePathPattern(path)] : []))
  const open = mcp.find(({ path }) => !declared.some((pattern) => isWithin(parsePathPattern(path), pattern)))
  if (!open) return []
  const problem = `cannot be pass beside the MCP server at ${open.path}: if the API serves this server under another name, unsigned requests to that name get through. Use refuse and list the permitted paths, or give the MCP server a separate gateway. If the API has no other name for the server, add a route around it with fallback: true`
  return [{ setting: 'otherwise', problem }]
}

/**
 * Open routes that require less than another route that shares paths with them and is not wider. If the API has another name for a path of
 * the stricter route, the open route lets requests to that name through.
 */
function* aroundStricter(groups: readonly PathRows[], index: RowIndex): Generator<Finding> {
  for (const group of groups)
    for (const fold of foldsOf(groups)) {
      const near = openReadings(group, fold).flatMap(({ segments }) => index.foldedIn(fold).sharing(segments))
      for (const other of new Set(near))
        if (other !== group && isAround(group, other.formIn(fold), fold))
          yield* weakerThan(other, group, 'which shares paths with it')
    }
}

/** Routes with a parameter beside a stricter open route, where some servers run the open route for every path with its prefix. */
function* besideMounts(groups: readonly PathRows[]): Generator<Finding> {
  const mounts = groups.filter(({ pattern: { open, segments } }) => open && segments.at(-1)?.free === false)
  for (const group of groups.filter(({ pattern }) => !pattern.open && pattern.segments.some(({ free }) => free)))
    for (const other of mounts) {
      const [own, mount] = [group.formIn(other.fold), other.formIn(other.fold)]
      if (sharesPrefix(own, mount) && !isFoldedWithin(own, mount))
        yield* weakerThan(other, group, 'which some servers run for every path with that prefix')
    }
}

/**
 * The rows of a path that require less than a row of another path. A method that the other path does not list counts as each of the methods
 * that the path does list, because handlers that a framework mounts at a path run for every method.
 */
function* weakerThan(other: PathRows, group: PathRows, reason: string): Generator<Finding> {
  for (const row of group.rows) {
    const stricter = methodsOf(row.route, group).flatMap((method) => {
      const need = needOf([row.route, ...routesFor(group, method)])
      const listed = routesFor(other, method)
      const handled = listed.length > 0 ? listed : other.rows.map(({ route }) => route)
      return handled.filter((each) => isProofStricter(each, need, method))
    })
    const strict = other.rows.find(({ route }) => stricter.includes(route))
    if (!strict) continue
    const { method, path, require } = strict.route
    const isLower = strengthOf(row.route.require) < strengthOf(require)
    const relation = isTokenEnough(row.route, strict.route) && !isLower ? 'accepts OAuth, unlike' : 'requires less than'
    yield openFinding(row, `${relation} ${method} ${path} of routes[${strict.at}], ${reason}`)
  }
}

function isTokenEnough(route: Route, other: Route): boolean {
  return acceptsOAuth(route.accept) && !acceptsOAuth(other.accept)
}

/** Open routes around the path of an MCP server, whose table may require more than any route. */
function* aroundMcp(groups: readonly PathRows[], mcpPaths: readonly string[]): Generator<Finding> {
  for (const path of mcpPaths) {
    const pattern = foldPattern(parsePathPattern(path), folds[0] as Kept)
    for (const group of groups)
      if (isAround(group, pattern, 0))
        for (const row of group.rows) yield openFinding(row, `surrounds the MCP server at ${path}`)
  }
}

/** Whether an open path shares paths with another one that is not within it. */
function isAround(group: PathRows, other: FoldedPattern, fold: number): boolean {
  return openReadings(group, fold).some((read) => isOverlapping(read, other) && !isFoldedWithin(read, other))
}

function openReadings({ pattern }: PathRows, fold: number): FoldedPattern[] {
  return patternInterpretations(pattern, folds[fold] as Kept).filter(({ open }) => open)
}

function openFinding(row: Row, relation: string): Finding {
  const { at, route } = row
  const problem = () =>
    `is ${route.method} ${route.path}, which ${relation}: if the API has another name for that path, this route lets requests to that name through. List the permitted paths instead, because unlisted paths are refused. If the API has no other name for the path, set fallback: true on routes[${at}]`
  return { row, setting: 'fallback', problem }
}

interface Shadow {
  row: Row
  group: PathRows
  /** A stricter row that some server may run for all paths of this row. */
  other: PathRows
}

function* shadowsIn(groups: readonly PathRows[], index: RowIndex): Generator<Shadow> {
  for (const group of groups)
    for (const fold of foldsOf(groups)) {
      const read = patternInterpretations(group.pattern, folds[fold] as Kept)
      const near = read.flatMap(({ segments }) => index.foldedIn(fold).around(segments.map(({ before }) => before)))
      for (const other of new Set(near))
        for (const row of other === group ? [] : group.rows)
          if (isShadow(row.route, group, { other, fold, read })) yield { row, group, other }
    }
}

/** The indexes in {@link folds} in which at least one path is compared. */
function foldsOf(groups: readonly PathRows[]): ReadonlySet<number> {
  return new Set(groups.map(({ fold }) => fold))
}

/**
 * Rows with `mayShadow` beside wider, stricter paths. A server tries the wider paths if this row's parameter is longer than the server
 * accepts.
 */
function* widerIn(groups: readonly PathRows[]): Generator<Finding> {
  for (const group of groups.filter(({ pattern }) => pattern.segments.some(({ free }) => free)))
    for (const row of group.rows.filter(({ route }) => route.mayShadow))
      for (const other of groups)
        if (methodsOf(row.route, group).some((method) => isWiderAndStricter(other, method, needOf([row.route]), group)))
          yield { row, setting: 'mayShadow', problem: () => '' }
}

/** The methods that a route handles. */
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
    // Both rows apply to a request whose method the narrower path does not handle.
    if (own.length > 0 && isNarrower(form, pattern)) return false
    const need = needOf([route])
    return methodsOf(route, group).some((method) =>
      isStricter({ ...other, fold }, method, { own }, (each) => !covers(need, each, method)),
    )
  })
}

function shadowProblem({ row: { at, route }, group, other }: Shadow): string {
  const [strict] = other.rows
  const places = other.rows.map(({ at: place }) => `routes[${place}]`).join(' and ')
  // The settings that suffice: a single one if possible.
  const fold = folds.findIndex(
    (kept, index) =>
      (index & other.fold) === other.fold &&
      !isShadow(route, group, { other, fold: index, read: patternInterpretations(group.pattern, kept) }),
  )
  const settings = (['case', 'endings'] as const).filter((member) => fold !== -1 && folds[fold]?.[member])
  const declared = settings.map((member) => `${member}: 'kept'`).join(' and ')
  const kept = declared === '' ? '' : ` If the API distinguishes the two, set ${declared} on ${places}.`
  return `is ${route.method} ${route.path}, which some servers treat as ${strict.route.path} of ${places}, which requires more.${kept} If the API may treat it as either, set mayShadow: true on routes[${at}]`
}

/** Rows with the same path that contradict each other, either for the same requests or for the path as a whole. */
function contradictionsIn({ rows: [first, ...others] }: PathRows): RouteCollision[] {
  const seen = [first]
  return others.flatMap(({ at, route }) => {
    const same = seen.find((row) => row.route.method === route.method)
    seen.push({ at, route })
    const differing = pathMembers.filter((member) => String(route[member]) !== String(first.route[member]))
    const problems = differing.map(
      (member) =>
        `has a different ${member} than routes[${first.at}], which has the same path: use the same value in both`,
    )
    if (same && ownMembers.some((member) => String(route[member]) !== String(same.route[member])))
      problems.unshift(
        `contradicts routes[${same.at}], which is also ${same.route.method} ${same.route.path}: remove one of them`,
      )
    return problems.map((problem) => ({ at, problem }))
  })
}

/** Members that must be equal in two rows for the same requests. */
const ownMembers = ['require', 'scope', 'accept', 'maxBody', 'body', 'mayShadow', 'mayNameMethod', 'fallback'] as const
