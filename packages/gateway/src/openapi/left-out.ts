import { folds, type Kept } from '../routes/fold.js'
import { methodDistance } from '../routes/methods.js'
import {
  foldPattern,
  isNarrower,
  type PathPattern,
  parsePathPattern,
  pathPatternProblem,
  shapeOf,
} from '../routes/path-pattern.js'
import type { Route } from '../routes/route.js'

/** An operation that is no route. */
export interface LeftOut {
  method: string
  path: string
}

/** Of what was left out, and so should be refused, that for which a route for more paths would be taken. */
export function coveredAmong(leftOut: readonly LeftOut[], routes: readonly Route[]): LeftOut[] {
  const [kept] = folds as readonly [Kept]
  const written = routes.map((route) => {
    const pattern = parsePathPattern(route.path)
    return { route, pattern, folded: foldPattern(pattern, kept) }
  })
  return leftOut.filter(({ method, path }) => {
    // No request has such a path.
    if (pathPatternProblem(path) !== undefined) return false
    const own = parsePathPattern(path)
    // Its other methods are 405.
    if (written.some(({ pattern }) => shapeOf(pattern) === shapeOf(own))) return false
    const ownFolded = foldPattern(own, kept)
    return written.some(
      ({ route, folded }) =>
        methodDistance(method, route.method) !== undefined &&
        !isNarrower(folded, ownFolded) &&
        mayMeet(folded, ownFolded),
    )
  })
}

/** Whether a path may be one of both; where that is hard to say, it is. */
function mayMeet(one: PathPattern, other: PathPattern): boolean {
  if (!one.open && !other.open && one.segments.length !== other.segments.length) return false
  return one.segments.every((segment, at) => {
    const theirs = other.segments[at]
    return !theirs || segment.free || theirs.free || segment.before === theirs.before
  })
}
