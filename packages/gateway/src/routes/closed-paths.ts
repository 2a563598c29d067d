import { interpretations } from './interpretations.js'
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
} from './path-grammar.js'
import { parsePathPattern } from './path-pattern.js'
import type { Route } from './route.js'

/** A path that no route serves, in any spelling. */
export interface ClosedPath {
  path: string
  /** Whether everything below it is closed, too: for programs that respond there as well (G32). */
  below: boolean
}

/** Whether some server may read a path as a closed one. */
export type IsClosed = (path: Pick<ParsedPath, 'decoded'> & Partial<ParsedPath>) => boolean

/**
 * Closes paths in every spelling: in folded form, and with any punctuation around the name of the last segment, such as `:x` or `~`. Only a letter,
 * a digit, `-` or `_` makes it another name.
 *
 * @param routes The table. With it, a path in the request line that begins with the text of a closed one is closed, too, since some
 * routers compare no more than that; but not where a route has the whole name. @default such a path is open
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
      const whole = names.map((name) => fold(name, false))
      const folded = withoutEnd(whole, kept)
      return rows.some(
        (row) => isClosedBy(row, folded) || isClosedBy(row, whole) || (segments && isBegunBy(row, whole)),
      )
    })
  }
}

interface Closed {
  names: readonly string[]
  below: boolean
  /** The names that routes have in the place of the last one; undefined unless what begins with it is closed. */
  others: ReadonlySet<string> | undefined
}

function isClosedBy({ names, below }: Closed, read: readonly string[]): boolean {
  if (below ? read.length < names.length : read.length !== names.length) return false
  const last = names.length - 1
  return names.every((name, at) => (at === last ? isNamed(read[at] ?? '', name) : read[at] === name))
}

function isBegunBy({ names, others }: Closed, read: readonly string[]): boolean {
  if (!others || read.length < names.length) return false
  const last = names.length - 1
  const name = read[last] as string
  if (others.has(name) || others.has(withoutEnding(name))) return false
  return names.every((each, at) => (at === last ? name.startsWith(each) : read[at] === each))
}

/** Whether everything that a pattern matches is closed. */
export function isPatternClosed(pattern: string, isClosed: IsClosed): boolean {
  return isClosed({ decoded: parsePathPattern(pattern).segments.map(({ before, free }) => (free ? '{}' : before)) })
}

/** Whether a segment is a name, with nothing around it that belongs to a name. */
function isNamed(segment: string, name: string): boolean {
  const read = segment.replace(/^[^a-z0-9_-]+/, '')
  return read.startsWith(name) && !/^[a-z0-9_-]/.test(read.slice(name.length))
}
