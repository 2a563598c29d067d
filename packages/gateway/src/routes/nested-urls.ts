import { AAuthError } from 'countersign/resource'
import { unescaped } from './lenient-decoding.js'
import type { QueryPath } from './query-paths.js'
import { parsePath } from './request-path.js'

/** Whether an object member may be the URL of a request in a batch: `url`, `uri`, `path`, `relative_url`. */
export function isUrlName(name: string): boolean {
  return /^(?:relative_?)?(?:url|uri|path)$/i.test(name)
}

/**
 * Characters that some parsers skip before JSON, as the inside of a character class: control characters, any whitespace of Unicode, and byte
 * order marks, also as the bytes of UTF-8.
 */
export const skippedBefore = String.raw`\0-\x20\x80-\x8a\x8e\x9a\x9f\xa0\xa8\xa9\xaf\xbb\xbf\xc2\xe1-\xe3\xef\xfe\xff\u180e\ufffd\s`

/** Whether JSON text may contain a member that {@link isUrlName}, possibly with escapes, or in UTF-16. */
export function mayContainUrl(text: string): boolean {
  const narrow = text.replaceAll('\0', '')
  return /\\u/i.test(narrow) || /url|uri|path/i.test(unescaped(narrow))
}

/**
 * The URLs in objects that are array items, at any depth of the JSON. Undefined if the text is not JSON, or if an object contains the same
 * name twice: some parsers return the first such member, and others the last.
 */
export function urlsIn(text: string): (string | undefined)[] | undefined {
  const urls: (string | undefined)[] = []
  let values: [value: unknown, isItem: boolean][]
  let members = 0
  try {
    values = [[JSON.parse(text), false]]
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
  // Members are added while this runs.
  for (const [value, isItem] of values) {
    const entries = Object.entries(Object(value) as object)
    if (!Array.isArray(value)) members += entries.length
    for (const [name, member] of entries)
      if (typeof member !== 'string') {
        values.push([member, Array.isArray(value)])
        if (isItem && isUrlName(name) && Array.isArray(member)) urls.push(undefined)
      } else if (isItem && isUrlName(name)) urls.push(member)
  }
  const written = text.match(/"(?:[^"\\]|\\.)*"(?:\s*:)?/g)?.filter((string) => string.endsWith(':')) ?? []
  return written.length === members ? urls : undefined
}

/** Maximum number of segments in the base of an API. Each of them adds a comparison for each URL. */
const deepestBase = 8

/**
 * The paths that a URL in a batch may have: its own, and, for a reference without a scheme and authority, the same path below each folder
 * of the batch's own path. Microsoft Graph, OData and SCIM leave out the API's base: `/users` for `/v1.0/users`. Every server must parse
 * the URL as it would parse a raw request target. An authority may contain only plain characters. `&` and `;` are not accepted, because
 * they end the path on some servers only.
 *
 * @param own the decoded segments of the batch's path
 * @returns undefined if servers interpret the text in different ways
 */
export function pathsOfUrl(url: string, own: readonly string[] = []): QueryPath[] | undefined {
  const found = plainUrl.exec(url)
  if (!found) return undefined
  const [, scheme, authority, path = ''] = found
  // `http:admin` is relative, and lenient parsers find an authority in `h:80/admin` and `x:/admin`.
  if (authority === undefined && /^(?:https?:|[^:]*:.*\/)/i.test(`${scheme ?? ''}${path}`)) return undefined
  const parsed = parsePath(path.startsWith('/') ? path : `/${path}`)
  if (typeof parsed === 'string' || parsed.encoded) return undefined
  const names = parsed.decoded.filter((name) => name !== '')
  const isCertain = scheme === undefined && path.startsWith('/')
  const bases = scheme === undefined && authority === undefined ? own.slice(0, -1).slice(0, deepestBase) : []
  return [0, ...bases.map((_, at) => at + 1)].map((length) => ({
    names: [...own.slice(0, length), ...names],
    isRest: false,
    literalAt: isCertain ? -1 : length,
  }))
}

/** The scheme, authority, and path of a URL. Its query and fragment may contain anything but control characters. */
const plainUrl =
  /^([a-z][a-z0-9+.-]*:)?(\/\/[\w.~:@[\]-]+(?=[/?#]|$))?((?!\/\/)[^?#&;\s\p{Cc}\p{Surrogate}]*)(?:[?#][^\p{Cc}]*)?$/iu

/** The refusal of a request that may contain another one. */
export function nested(what: string): AAuthError {
  return new AAuthError(
    'target_ambiguous',
    `${what} may specify another request, which may require more: send that request directly. If the API treats this as data, set mayNameMethod on the route.`,
  )
}
