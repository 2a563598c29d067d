import { AAuthError } from 'countersign/resource'
import type { GatewayRules } from '../routes/judge-request.js'
import type { Need } from '../routes/path-rows.js'
import { pathsInQuery } from '../routes/query-paths.js'

/** Looks at the value of a form field: percent-encoded, or its start if it is long. @throws AAuthError */
export type ValueWatch = (encoded: string) => void

/** Characters of a value that are looked at: more than servers take for a path. */
export const longestValue = 8192

/** Distinct values of one form that may be paths: each is compared with all routes. */
const maxPaths = 100

/**
 * Refuses fields of a form that a front controller may run for the path of the request: values that begin with a slash and lead to a
 * route that needs more, or to a closed path, as in a query (G48).
 *
 * @throws AAuthError `target_ambiguous`
 */
export function watchFormPaths(method: string, need: Need, { table, isClosed }: GatewayRules): ValueWatch {
  const seen = new Set<string>()
  return (encoded) => {
    // In front of the slash there may be blanks, and any of it may be encoded.
    if (!/^[+%/\\\s]/.test(encoded) || seen.has(encoded)) return
    const paths = pathsInQuery(`?${encoded}`, false)
    if (paths.length === 0) return
    seen.add(encoded)
    if (seen.size > maxPaths)
      throw new AAuthError('target_ambiguous', `The form has more than ${maxPaths} values that may be paths.`)
    if (isClosed && paths.some(({ names }) => names.length > 0 && isClosed({ decoded: names })))
      throw new AAuthError('target_ambiguous', 'Some servers take a field of this form for a path that is closed here.')
    table.requireNoStricterQuery(paths, method, need)
  }
}
