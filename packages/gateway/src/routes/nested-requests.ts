import { AAuthError } from 'countersign/resource'
import type { IsClosed } from './closed-paths.js'
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
  /** The URL of an object in an array: see {@link isUrlName}. @throws AAuthError `target_ambiguous` */
  url(text: string): void
  /** A parameter or form field, by its value without encoding, which may be a batch in JSON. @throws AAuthError `target_ambiguous` */
  value(text: string): void
}

/** Parameters by which Astro and Qwik run an action or function of the server at any path. */
const actionName = /^(?:_action|qfunc)$/i

/** Headers of batches, and of server actions in Next.js. */
const batchHeader = /^next-action$|-batch$/i

/** URLs that are compared in one head, of which each costs time before a signature is verified, and in one body. */
export const mostUrls = { head: 16, body: 100 } as const

/** Values of one request that are parsed as JSON. */
const mostValues = 16

/** A method that no route lists, so that the strictest route of a path counts. */
const anyMethod = ''

/**
 * Creates the check for the head or the body of one request. Nothing is refused if no route requires more, or its own routes have
 * `mayNameMethod`.
 *
 * @param most URLs that are compared
 */
export function createNestedCheck(
  need: Need,
  { table, isClosed }: { table: RouteTable; isClosed?: IsClosed | undefined },
  most: number,
): NestedCheck {
  const seen = new Set<string>()
  let names = 0
  let values = 0
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

  function compare(text: string): void {
    if (seen.has(text) || !mayNeedMore()) return
    seen.add(text)
    const path = text
      .trim()
      .replaceAll(/\p{Surrogate}/gu, '\ufffd')
      .replace(/^(?:[a-z][a-z0-9+.-]*:)?[/\\]{2}[^/\\?#]*/i, '')
    const paths = pathsInQuery(`?${encodeURIComponent(`/${path}`)}`, false)
    names += interpretedNames(paths)
    if (seen.size > most || names > mostInterpreted) refuse(`A batch with more than ${most} URLs, or longer ones,`)
    if (isClosed && paths.some((each) => each.names.length > 0 && isClosed({ decoded: each.names })))
      refuse('A URL in an array')
    table.requireNoStricterQuery(paths, anyMethod, need)
  }

  return {
    url: compare,
    value(text) {
      if (!/^\s*[[{]/.test(text) || !/url|uri|path|\\u/i.test(text) || !mayNeedMore()) return
      if (++values > mostValues) refuse(`More than ${mostValues} parameters in JSON`)
      const urls = urlsIn(text)
      // Lenient parsers read what strict ones refuse, such as `[{url:'/admin'}]`.
      if (!urls && text.includes('{')) refuse('A parameter that is not JSON but may be a batch')
      for (const url of urls ?? []) compare(url)
    },
    header(name) {
      if (batchHeader.test(name)) refuse(`The header ${name.slice(0, 32)}`)
    },
    field(name) {
      if (actionName.test(name)) refuse(`The field ${name}`)
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
  for (const [, value = ''] of query.matchAll(/=([\s+[{%][^&;]{11,})/g)) check.value(parameterName(value))
}

/** The URLs of objects that are items of arrays, at any depth of JSON; undefined if the text is not JSON. */
function urlsIn(text: string): string[] | undefined {
  const urls: string[] = []
  const values: [value: unknown, isItem: boolean][] = []
  try {
    values.push([JSON.parse(text), false])
  } catch {
    return undefined
  }
  for (let next = values.pop(); next; next = values.pop()) {
    const [value, isItem] = next
    for (const [name, member] of Object.entries(Object(value) as object))
      if (typeof member !== 'string') values.push([member, Array.isArray(value)])
      else if (isItem && isUrlName(name)) urls.push(member)
  }
  return urls
}

/** Whether a member of an object may be the URL of a request in a batch: `url`, `uri`, `path`, `relative_url`. */
export function isUrlName(name: string): boolean {
  return /^(?:relative_?)?(?:url|uri|path)$/i.test(name)
}
