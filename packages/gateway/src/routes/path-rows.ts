import {
  type FoldedPattern,
  foldPattern,
  hasPlainEnd,
  isNarrower,
  isWithin,
  type PathPattern,
  parsePathPattern,
  type Segment,
  shapeOf,
} from './path-pattern.js'
import { decodeSegment, type End, ends, foldName, folds, type Kept, withoutEnding } from './request-path.js'
import { covers, handledAs, methodDistance, type Need, type Route } from './route.js'

/** A route with its index in the table. */
export interface Row {
  at: number
  route: Route
}

/** All routes with the same path, regardless of what its parameters are called. */
export interface PathRows {
  rows: readonly [Row, ...Row[]]
  pattern: PathPattern
  /** The index in {@link folds} of the fold with which its paths are compared. */
  fold: number
  /** Returns the pattern in one of the {@link folds}, by the part dropped from the end of a path. @param end @default index */
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

/** Folds a pattern when it is first used, because most tables use only one of the folds. */
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

/** Finds the rows of a table by path. */
export interface RowIndex {
  /** Rows that may match a raw path. */
  at(segments: readonly string[]): PathRows[]
  /** An index, by folded path, of the rows that are compared in one of the {@link folds}. Empty if there are no such rows. */
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

/** The route that lists a method, explicitly or through `*`. */
export function routeFor({ rows }: PathRows, method: string): Route | undefined {
  let found: Route | undefined
  let nearest = Number.POSITIVE_INFINITY
  for (const { route } of rows) {
    const distance = methodDistance(method, route.method) ?? Number.POSITIVE_INFINITY
    if (distance < nearest) [found, nearest] = [route, distance]
  }
  return found
}

/** The routes whose handlers may run for a method; see {@link handledAs}. */
export function routesFor(group: PathRows, method: string): Route[] {
  return [...new Set(handledAs(method).flatMap((each) => routeFor(group, each) ?? []))]
}

/** The rows that were selected for a request or that may serve it, in one folded form. */
export interface FoldedOwn {
  /** The rows that still match the request in this form. */
  own: readonly PathRows[]
  /** The form, by the part dropped from the end of a path. @default index */
  end?: End
  /** Whether the other row matches only a parent of the path. Only routes with `fallback` are compared with it. @default false */
  isParent?: boolean
}

/**
 * Whether another row that may serve a request in folded form has a route that requires more. A narrower row selected for the request takes
 * precedence only for the methods that it lists, because a router without a handler there tries wider paths.
 *
 * @param isMore whether a route requires more than the request
 * @param ofUnlisted the result for a method that the other row does not list
 */
export function isStricter(
  other: PathRows,
  method: string,
  { own, end = 'index', isParent = false }: FoldedOwn,
  isMore: (route: Route) => boolean,
  ofUnlisted: () => boolean = () =>
    isParent ? other.rows.some(({ route }) => isMore(route)) : isRefused(other, { own, end }),
): boolean {
  const pattern = other.formIn(other.fold, end)
  const narrower = own.filter((each) => isNarrower(each.formIn(other.fold, end), pattern))
  const handled = handledAs(method).filter((each) => routeFor(other, each))
  if (handled.length === 0) return narrower.length === 0 && ofUnlisted()
  return handled.some(
    (each) => isMore(routeFor(other, each) as Route) && !narrower.some((group) => routeFor(group, each)),
  )
}

/**
 * A row refuses a method that it does not list, whatever a wider row permits, unless the row is one of the request's own rows in folded
 * form.
 */
function isRefused(other: PathRows, { own, end }: FoldedOwn): boolean {
  const pattern = other.formIn(other.fold, end)
  const isSame = (one: FoldedPattern) => isWithin(one, pattern) && isWithin(pattern, one)
  return !own.some((each) => isSame(each.formIn(other.fold, end)))
}

/** Whether a row requires more than a narrower row that was selected. */
export function isWiderAndStricter(other: PathRows, method: string, need: Need, own: PathRows): boolean {
  if (!isNarrower(own.pattern, other.pattern)) return false
  return routesFor(other, method).some((route) => !covers(need, route, method))
}

/** Finds patterns by their segments. The caller must check whether the patterns match. */
interface PathIndex<Item> {
  /** Patterns that may match a path or a prefix of it, in the order in which they were added. */
  around(names: readonly string[]): Item[]
  /** Patterns that may share paths with an open pattern. */
  sharing(segments: readonly Segment[]): Item[]
}

interface Node<Item> {
  items: { at: number; item: Item }[]
  /** Child nodes, keyed by the next name. */
  named: Map<string, Node<Item>>
  /** Child nodes, keyed by {@link keysOf} the name. */
  near: Map<string, Set<Node<Item>>>
  /** The child node for a segment with a parameter. */
  free: Node<Item> | undefined
}

function createPathIndex<Item>(
  items: readonly Item[],
  segmentsOf: (item: Item) => readonly Segment[],
): PathIndex<Item> {
  const root = newNode<Item>()
  for (const [at, item] of items.entries()) {
    let node = root
    for (const segment of segmentsOf(item)) node = nodeBelow(node, segment)
    node.items.push({ at, item })
  }

  function around(names: readonly string[]): Item[] {
    const found: Node<Item>['items'] = []
    const visit = (node: Node<Item>, at: number) => {
      for (const each of node.items) found.push(each)
      const name = names[at]
      if (name === undefined) return
      for (const next of nodesNear(node, name)) visit(next, at + 1)
      if (node.free) visit(node.free, at + 1)
    }
    visit(root, 0)
    return inOrder(found)
  }

  function sharing(segments: readonly Segment[]): Item[] {
    const found: Node<Item>['items'] = []
    const visit = (node: Node<Item>, at: number) => {
      found.push(...node.items)
      if (node.free) visit(node.free, at + 1)
      const segment = segments[at]
      const isNamed = segment !== undefined && !segment.free
      for (const next of isNamed ? nodesNear(node, segment.before) : node.named.values()) visit(next, at + 1)
    }
    visit(root, 0)
    return inOrder(found)
  }

  return { around, sharing }
}

function newNode<Item>(): Node<Item> {
  return { items: [], named: new Map(), near: new Map(), free: undefined }
}

function nodeBelow<Item>(node: Node<Item>, { before, free }: Segment): Node<Item> {
  const known = free ? node.free : node.named.get(before)
  if (known) return known
  const next = newNode<Item>()
  if (free) node.free = next
  else {
    node.named.set(before, next)
    for (const key of keysOf(before)) node.near.set(key, (node.near.get(key) ?? new Set()).add(next))
  }
  return next
}

function nodesNear<Item>(node: Node<Item>, name: string): Iterable<Node<Item>> {
  const [key, bare] = keysOf(name) as [string, string?]
  const nodes = node.near.get(key) ?? []
  return bare === undefined ? nodes : new Set([...nodes, ...(node.near.get(bare) ?? [])])
}

function inOrder<Item>(found: { at: number; item: Item }[]): Item[] {
  return found.sort((one, other) => one.at - other.at).map(({ item }) => item)
}

/** Keys that a name shares with names that differ from it only in punctuation or an extension. */
function keysOf(name: string): string[] {
  if (/^[A-Za-z0-9]*$/.test(name)) return [name]
  const bare = withoutEnding(name)
  const key = withoutPunctuation(name)
  return bare === name ? [key] : [key, withoutPunctuation(bare)]
}

function withoutPunctuation(name: string): string {
  return name.replaceAll(/[\s!-/:-@[-`{-~]/g, '_')
}

/** The groups for which there is no narrower group. */
export function mostSpecific(groups: readonly PathRows[]): readonly PathRows[] {
  return groups.filter((group) => !groups.some((other) => isNarrower(other.pattern, group.pattern)))
}

/** The most specific routes whose handlers may run for a method. A wider path applies if a narrower one does not list the method. */
export function routesAmong(groups: readonly PathRows[], method: string): ReadonlySet<Route> {
  const listing = (each: string) => groups.filter((group) => routeFor(group, each))
  const routes = new Set(
    handledAs(method).flatMap((each) => mostSpecific(listing(each)).flatMap((group) => routeFor(group, each) ?? [])),
  )
  if (method !== 'HEAD') return routes
  // Rails runs a handler for HEAD even if a GET handler has a narrower path.
  const ownRows = groups.filter(({ rows }) => rows.some(({ route }) => route.method === method))
  for (const group of mostSpecific(ownRows)) routes.add(routeFor(group, method) as Route)
  return routes
}

/** Whether any row requires more and may match a list item in a path, whatever the item is. */
export function mayNeedMore(
  groups: readonly PathRows[],
  names: readonly string[],
  method: string,
  need: Need,
): boolean {
  const nameOf = (name: string) => withoutEnding(foldName(name))
  const mayFit = ({ open, segments }: PathPattern) =>
    (open ? names.length >= segments.length : names.length === segments.length) &&
    segments.every(({ before, free }, at) => {
      const name = names[at] as string
      return free || name.includes(',') || nameOf(decodeSegment(before)) === nameOf(name)
    })
  return groups.some(
    (group) => routesFor(group, method).some((route) => !covers(need, route, method)) && mayFit(group.pattern),
  )
}
