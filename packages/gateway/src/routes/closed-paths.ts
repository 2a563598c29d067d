import { foldName, foldNames, folds, type Kept } from './fold.js'
import { interpretations } from './interpretations.js'
import type { ParsedPath } from './path-grammar.js'
import { parsePathPattern } from './path-pattern.js'

/** A path that no route leads to, and that no other spelling of it must lead to. */
export interface ClosedPath {
  path: string
  /** Whether everything below it is closed, too: for programs that respond there as well (G32). */
  below: boolean
}

/** Whether a path may be taken for a closed one. */
export type IsClosed = (path: Pick<ParsedPath, 'decoded'> & Partial<ParsedPath>) => boolean

/**
 * Closes paths in every spelling: what they are folded to, and whatever else surrounds the name of the last segment, such as `:x` or
 * `~`. Only a letter, a digit, `-` or `_` makes it another name.
 */
export function createClosedPaths(paths: readonly ClosedPath[]): IsClosed {
  const [kept] = folds as readonly [Kept]
  const rows = paths.map(({ path, below }) => ({ names: foldNames(path.slice(1).split('/'), kept), below }))
  return ({ decoded, encoded, hasParameters = false }) =>
    interpretations({ decoded, encoded, hasParameters }).some(({ names }) => {
      const whole = names.map((name) => foldName(name))
      const folded = foldNames(whole, kept)
      return rows.some((row) => isClosedBy(row, folded) || isClosedBy(row, whole))
    })
}

function isClosedBy({ names, below }: { names: readonly string[]; below: boolean }, read: readonly string[]): boolean {
  if (below ? read.length < names.length : read.length !== names.length) return false
  const last = names.length - 1
  return names.every((name, at) => (at === last ? isNamed(read[at] ?? '', name) : read[at] === name))
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
