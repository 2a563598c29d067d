import { AAuthError } from 'countersign/resource'
import type { Need } from './path-rows.js'
import { interpretedNames, mostInterpreted, pathsInQuery } from './query-paths.js'
import { type PlainMessage, parameterName } from './require-plain-fields.js'
import type { RouteTable } from './route-table.js'

/** Checks parts of a request that may be requests themselves, such as the items of a batch. */
export interface NestedCheck {
  /** A header, by its name. @throws AAuthError `target_ambiguous` */
  header(name: string): void
  /** A parameter or form field, by its name without encoding. @throws AAuthError `target_ambiguous` */
  field(name: string): void
  /** The `url`, `uri` or `path` of an object in an array. @throws AAuthError `target_ambiguous` */
  url(text: string): void
  /** More arrays or URLs than are looked into. @throws AAuthError `target_ambiguous` */
  excess(): void
}

/** Parameters by which Astro and Qwik run an action or function of the server at any path. */
const actionName = /^(?:_action|qfunc)$/i

/** Headers of batches, and of server actions in Next.js. */
const batchHeader = /^next-action$|-batch$/i

/** URLs in one query that are compared, and arrays that are looked into. */
const mostInQuery = 16

/** URLs of one request that are compared. */
const mostUrls = 100

/** A method that no route lists, so that the strictest route of a path counts. */
const anyMethod = ''

/** Creates the check for one request. Nothing is refused if no route requires more, or its own routes have `mayNameMethod`. */
export function createNestedCheck(need: Need, table: RouteTable): NestedCheck {
  const seen = new Set<string>()
  let names = 0
  let isChecked: boolean | undefined
  const mayNeedMore = () =>
    (isChecked ??= !need.routes.every(({ mayNameMethod }) => mayNameMethod) && table.hasStricter(need))

  function refuse(what: string): void {
    if (!mayNeedMore()) return
    throw new AAuthError(
      'target_ambiguous',
      `${what} may name another request, which may need more: send that as a request. If the API takes it as data, set mayNameMethod on the route.`,
    )
  }

  return {
    header(name) {
      if (batchHeader.test(name)) refuse(`The header ${name.slice(0, 32)}`)
    },
    field(name) {
      if (actionName.test(name)) refuse(`The field ${name}`)
    },
    excess: () => refuse('A query with more arrays or URLs than are looked into'),
    url(text) {
      if (seen.has(text) || !mayNeedMore()) return
      seen.add(text)
      const path = text
        .trim()
        .replaceAll(/\p{Surrogate}/gu, '\ufffd')
        .replace(/^(?:[a-z][a-z0-9+.-]*:)?[/\\]{2}[^/\\?#]*/i, '')
      const paths = pathsInQuery(`?${encodeURIComponent(`/${path}`)}`, false)
      names += interpretedNames(paths)
      if (seen.size > mostUrls || names > mostInterpreted)
        refuse(`An array with more than ${mostUrls} URLs, or longer ones,`)
      table.requireNoStricterQuery(paths, anyMethod, need)
    },
  }
}

/**
 * Refuses a head that contains or announces further requests, if some route requires more than its own.
 *
 * @throws AAuthError `target_ambiguous`
 */
export function requireNoNestedRequest({ rawHeaders, rawTarget }: PlainMessage, check: NestedCheck): void {
  for (let at = 0; at < rawHeaders.length; at += 2) check.header(rawHeaders[at] as string)
  const mark = rawTarget.indexOf('?')
  if (mark === -1) return
  const query = rawTarget.slice(mark + 1)
  for (const [key] of query.matchAll(/(?<=^|[&;])[^&;=]{5,}/g))
    if (/action|qfunc|%(?:25)*[4-7]/i.test(key)) check.field(parameterName(key))
  let arrays = 0
  let urls = 0
  for (const [, value = ''] of query.matchAll(/=([\s+[%][^&;]{11,})/g)) {
    const text = parameterName(value)
    if (!/^\s*\[/.test(text) || !/url|uri|path|\\u/i.test(text)) continue
    if (++arrays > mostInQuery) check.excess()
    for (const url of arrays > mostInQuery ? [] : urlsIn(text)) {
      if (++urls > mostInQuery) check.excess()
      else check.url(url)
    }
  }
}

/** The URLs of the objects in an array. */
function urlsIn(text: string): string[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return []
  }
  const items: unknown[] = Array.isArray(value) ? value : []
  return items.flatMap((item) =>
    Object.entries(Object(item) as object).flatMap(([name, url]: [string, unknown]) =>
      isUrlName(name) && typeof url === 'string' ? [url] : [],
    ),
  )
}

/** Whether a member of an object may be the URL of a request. */
export function isUrlName(name: string): boolean {
  return /^(?:url|uri|path)$/i.test(name)
}
