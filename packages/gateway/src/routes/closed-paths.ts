import { loosePaths } from './loose-path.js'
import { parsePathPattern } from './path-pattern.js'

/** A path that no route leads to, and that no other spelling of it must lead to. */
export interface ClosedPath {
  path: string
  /** Whether what lies below it is closed, too: for programs that answer there as well (G32). */
  below: boolean
}

/** Whether a path, as its segments, may be read as a closed one. */
export type IsClosed = (path: readonly string[]) => boolean

/**
 * Closes paths in every spelling: those of {@link loosePaths}, and whatever else follows the name of the last segment, such as `.a.b`,
 * `:x` or a blank. Only a letter, a digit, `-` or `_` makes it another name.
 */
export function createClosedPaths(paths: readonly ClosedPath[]): IsClosed {
  const rows = paths.flatMap(({ path, below }) =>
    loosePaths(path.slice(1).split('/')).map((names) => ({ names, below })),
  )
  return (path) => loosePaths(path).some((read) => rows.some((row) => isClosedBy(row, read)))
}

function isClosedBy({ names, below }: { names: readonly string[]; below: boolean }, read: readonly string[]): boolean {
  if (below ? read.length < names.length : read.length !== names.length) return false
  const last = names.length - 1
  return names.every((name, at) => (at === last ? isNamed(read[at] ?? '', name) : read[at] === name))
}

/** Whether all that a pattern of paths is for is closed. */
export function isPatternClosed(pattern: string, isClosed: IsClosed): boolean {
  return isClosed(parsePathPattern(pattern).segments.map(({ before, free }) => (free ? '{}' : before)))
}

/** Whether a segment begins with a name after which no other name goes on. */
function isNamed(segment: string, name: string): boolean {
  const [read, sought] = [fromName(segment), fromName(name)]
  return read.startsWith(sought) && (sought === '' || !/^[a-z0-9_-]/.test(read.slice(sought.length)))
}

function fromName(segment: string): string {
  return segment.replace(/^[^a-z0-9_-]+/, '')
}
