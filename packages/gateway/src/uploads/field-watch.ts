import { AAuthError } from 'countersign/resource'
import type { GatewayRules, RequestHead } from '../routes/judge-request.js'
import { createMethodCheck, methodIn } from '../routes/named-method.js'
import { createNestedCheck, mostUrls, type NestedCheck } from '../routes/nested-requests.js'
import { requirePath } from '../routes/path-grammar.js'
import type { Need } from '../routes/path-rows.js'
import { beginsAsPath, interpretedNames, mostInterpreted, pathsInQuery } from '../routes/query-paths.js'
import { parameterName, requirePlainParameter } from '../routes/require-plain-fields.js'
import type { RoutedPath } from '../routes/route-table.js'

/** Inspects the fields of a body. Each method throws an AAuthError for a field that the request may not have. */
export interface FieldWatch {
  /** The value of a form field, percent-encoded; its start if it is long. It may be a path, or a batch in JSON. */
  value(encoded: string): void
  /**
   * A field that may name the method of the request by its name, which is without encoding.
   *
   * @param value as it was sent, or its start
   * @param isMember whether it is a member of JSON
   */
  named(name: string, value: string, isMember?: boolean): void
  /** Fields and URLs that may be requests themselves. */
  nested: NestedCheck
}

/** Characters of a value that are looked at: more than servers take for a path. */
export const longestValue = 8192

/** Distinct values of one form that may be paths: each is compared with all routes. */
const maxPaths = 100

/** A request whose head was judged: it passes with what it needs. */
export interface JudgedRequest {
  head: RequestHead
  need: Need
  rules: GatewayRules
}

/**
 * Creates the inspection of the fields of a body, for values that frameworks may take for the path of the request, as in a query (G48), or
 * for its method (G02), if such a request would need more.
 */
export function createFieldWatch({ head, need, rules }: JudgedRequest): FieldWatch {
  let routed: RoutedPath | undefined
  const check = createMethodCheck(head, need, () => (routed ??= rules.table.at(requirePath(head.rawTarget))))
  const nested = createNestedCheck(need, rules, mostUrls.body)
  const comparePath = watchPaths(head.method, need, rules)
  return {
    nested,
    value(encoded) {
      if (beginsAsPath(encoded)) comparePath(encoded)
      else if (/^(?:[\s+[{]|%(?:25)*[0257])/.test(encoded)) nested.value(parameterName(encoded))
    },
    named(name, value, isMember) {
      const method = methodIn(value)
      if (method !== undefined) check(name, method, isMember)
    },
  }
}

function watchPaths(method: string, need: Need, { table, isClosed }: GatewayRules): FieldWatch['value'] {
  const seen = new Set<string>()
  let names = 0
  return (encoded) => {
    if (seen.has(encoded)) return
    const paths = pathsInQuery(`?${encoded}`, false)
    if (paths.length === 0) return
    seen.add(encoded)
    names += interpretedNames(paths)
    if (seen.size > maxPaths || names > mostInterpreted)
      throw new AAuthError(
        'target_ambiguous',
        `The form has more than ${maxPaths} values that may be paths, or longer ones.`,
      )
    if (isClosed && paths.some(({ names }) => names.length > 0 && isClosed({ decoded: names })))
      throw new AAuthError('target_ambiguous', 'Some servers take a field of this form for a path that is closed here.')
    table.requireNoStricterQuery(paths, method, need)
  }
}

/** Looks into a body as it comes in, and throws when it sees what may not pass. */
export interface Watch {
  push(chunk: Uint8Array): void
  end(): void
}

/** WordPress takes the path of its REST API from it. PHP makes `_` of a dot, a blank and `[`, and ends a name at NUL. */
const restRoute = /^[^a-z0-9]*rest[^a-z0-9]route(?:$|[\0[])/i

/**
 * Refuses a field of a form that frameworks take for the method or the path, by its name without encoding (G02).
 *
 * @throws AAuthError `request_malformed`
 */
export function requirePlainField(name: string): void {
  requirePlainParameter(name)
  if (/rest/i.test(name) && restRoute.test(name))
    throw new AAuthError(
      'request_malformed',
      'The field rest_route is not taken here: send the path in the request line.',
    )
}
