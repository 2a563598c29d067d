import { AAuthError } from 'countersign/resource'
import { interpretations } from './interpretations.js'
import { parsePathPattern, pathPatternProblem } from './path-pattern.js'
import type { QueryPath } from './query-paths.js'
import {
  createFoldOnce,
  decodeSegment,
  foldName,
  foldNames,
  folds,
  type Kept,
  type ParsedPath,
  withoutEnd,
  withoutEnding,
} from './request-path.js'
import type { Route } from './route.js'

/** A path that no route serves, in any spelling. */
export interface ClosedPath {
  path: string
  /** Whether all paths below it are closed as well, for programs that also respond at those paths (G32). */
  below: boolean
}

/** Whether any server may interpret a path as a closed one. */
export type IsClosed = (path: Pick<ParsedPath, 'decoded'> & Partial<ParsedPath>) => boolean

/**
 * Closes paths in every spelling: in folded form, and with any punctuation around the name of the last segment, such as `:x` or `~`. Only a
 * letter, a digit, `-` or `_` makes it a different name.
 *
 * @param routes the table. If given, request paths that start with the text of a closed path are closed as well, because some routers
 * compare only prefixes; they stay open if a route has the whole name. @default such paths are open
 */
export function createClosedPaths(paths: readonly ClosedPath[], routes?: readonly Pick<Route, 'path'>[]): IsClosed {
  const [kept] = folds as readonly [Kept]
  const patterns = routes?.map(({ path }) => parsePathPattern(path).segments)
  const rows = paths.map(({ path, below }): Closed => {
    const names = foldNames(path.slice(1).split('/'), kept)
    const others = patterns?.flatMap((segments) => {
      const segment = segments[names.length - 1]
      return segment && !segment.free ? [foldName(decodeSegment(segment.before))] : []
    })
    return { names, below, others: below && others ? new Set(others) : undefined }
  })
  return ({ decoded, encoded, segments, hasParameters = false }) => {
    const fold = createFoldOnce()
    return interpretations({ decoded, encoded, hasParameters }).some(({ names }) => {
      const whole = names.map((name) => fold(name, kept))
      const folded = withoutEnd(whole, kept)
      return rows.some(
        (row) => isClosedBy(row, folded) || isClosedBy(row, whole) || (segments && isBegunBy(row, whole)),
      )
    })
  }
}

/** Refuses fields with closed paths, to which no route leads. @throws AAuthError `target_ambiguous` */
export function requireNotClosed(paths: readonly QueryPath[], isClosed: IsClosed | undefined): void {
  if (isClosed && paths.some(({ names }) => names.length > 0 && isClosed({ decoded: names })))
    throw new AAuthError(
      'target_ambiguous',
      'Some servers treat a field in this request as its path, and that path is closed.',
    )
}

interface Closed {
  names: readonly string[]
  below: boolean
  /** The names that routes have in the position of the last segment; undefined unless longer names with the same prefix are closed. */
  others: ReadonlySet<string> | undefined
}

function isClosedBy({ names, below }: Closed, read: readonly string[]): boolean {
  if (below ? read.length < names.length : read.length !== names.length) return false
  const last = names.length - 1
  return names.every((name, at) => (at === last ? isNamed(read[at] as string, name) : read[at] === name))
}

function isBegunBy({ names, others }: Closed, read: readonly string[]): boolean {
  if (!others || read.length < names.length) return false
  const last = names.length - 1
  const name = read[last] as string
  if (others.has(name) || others.has(withoutEnding(name))) return false
  return names.every((each, at) => (at === last ? name.startsWith(each) : read[at] === each))
}

/**
 * Finds paths of MCP servers that are not literal, and other paths that reach into an MCP server's path. A server's table controls its path
 * and all paths below it; routes must not (G32).
 *
 * @param publishedPaths the paths of the resource's documents. @default not checked
 */
export function mcpPathProblems(
  mcp: readonly { path: string }[],
  routes: Iterable<readonly [at: number, route: Partial<Route>]>,
  publishedPaths: Iterable<string> = [],
): { setting: string; problem: string }[] {
  const listed = [...routes].flatMap(([at, { path }]) => (path === undefined ? [] : [{ name: `routes[${at}]`, path }]))
  return mcp.flatMap(({ path }, at) => {
    const setting = `mcp[${at}].path`
    const problem = pathPatternProblem(path) ?? literalProblem(path)
    if (problem !== undefined) return [{ setting, problem }]
    const isOwn = createClosedPaths([{ path, below: true }])
    const isInside = (other: string) => isPatternClosed(other, isOwn)
    const servers = mcp.flatMap((other, index) => (index === at ? [] : [{ name: `mcp[${index}]`, path: other.path }]))
    const inside = [...servers, ...listed].filter((other) => isInside(other.path))
    const published = [...publishedPaths].filter(isInside)
    const advice = "so the server's table applies: remove this entry, or change its path"
    return [
      ...published.map((other) => ({
        setting,
        problem: `includes ${other}, at which the gateway publishes one of the API’s documents: use a different path`,
      })),
      ...inside.map((other) => ({
        setting: `${other.name}.path`,
        problem: `is ${other.path}, which belongs to the MCP server at ${path}, ${advice}`,
      })),
    ]
  })
}

function literalProblem(path: string): string | undefined {
  return /[*{%]/.test(path) ? 'must be a literal path, without wildcards, parameters or encoding' : undefined
}

/** Whether all paths that match a pattern are closed. False for an invalid pattern. */
export function isPatternClosed(pattern: string, isClosed: IsClosed): boolean {
  if (pathPatternProblem(pattern) !== undefined) return false
  return isClosed({ decoded: parsePathPattern(pattern).segments.map(({ before, free }) => (free ? '{}' : before)) })
}

/** Whether a segment is a name, surrounded only by characters that cannot be part of a name. */
function isNamed(segment: string, name: string): boolean {
  const read = segment.replace(/^[^a-z0-9_-]+/, '')
  return read.startsWith(name) && !/^[a-z0-9_-]/.test(read.slice(name.length))
}
