import { AAuthError } from 'countersign/resource'
import { fieldValues } from 'countersign/signatures'
import { parameterName } from './lenient-decoding.js'
import { countSegments, decodeSegment, excessOf, type SegmentCounts } from './request-path.js'
import { isRestRoute, queryOf, type RequestHead } from './require-plain-fields.js'

/** A path in a field of a request. A server may run it instead of the request's path (G48, G54). */
export interface QueryPath {
  /** Its segments, decoded. */
  names: readonly string[]
  /**
   * The position of the segment at which a row of the route table must have a literal name to be compared with this path, because the field
   * may not be a path at all. -1 compares all rows, for fields that certainly are paths: a batch's URLs. @default 0
   */
  literalAt?: number
  /** Whether the path is a WordPress REST path, which is relative to a prefix that it does not contain: `/wp-json`. */
  isRest: boolean
}

/** Maximum number of paths in a query. */
const maxPaths = 100

/** Whitespace and control characters, plain or in any layer of encoding, which servers trim. */
const trimmed = String.raw`(?:[\0-\x20+]|%(?:25)*(?:[01][\da-f]|20))*`
/** A slash or backslash, plain or in any layer of encoding. */
const anySlash = String.raw`(?:[/\\]|%(?:25)*(?:2f|5c))`

const slashAtStart = new RegExp(`^${trimmed}${anySlash}`, 'i')
/** Whether the start of a value starts with a slash, or ends before one may follow. */
const slashMayFollow = new RegExp(`^${trimmed}(?:${anySlash}|$)`, 'i')

/** The raw keys and values that start with a slash. */
const fieldsWithSlash = new RegExp(`(?<=^|[&;=])${trimmed}${anySlash}[^&;=]*`, 'gi')

/** All raw keys and values. */
const allFields = /[^&;=]+/g

/** The parameters whose key is at least as long as `rest_route`, so that only these are decoded. */
const longParameters = /(?<=^|[&;])([^&;=]{10,})=([^&;]*)/g

/** Whether a raw value starts with a slash, so that a front controller may treat it as a path. */
export function beginsAsPath(encoded: string): boolean {
  return slashAtStart.test(encoded)
}

/** Text in a query that a server may treat as a path. */
interface Candidate {
  encoded: string
  isRest: boolean
  /** The characters at which the path ends after decoding. Some servers end it at NUL, others trim NUL from its end. */
  end: RegExp
}

interface PathOptions {
  /** Whether the API treats any key or value as a path, with or without a slash. */
  frontController?: boolean | undefined
}

/**
 * Returns the paths in the query of a request, and at a front controller those in its cookies.
 *
 * @throws AAuthError `target_ambiguous` for more than 100 paths, or if together they have too many interpretations
 */
export function pathsInHead(head: Pick<RequestHead, 'rawTarget' | 'rawHeaders'>, options: PathOptions): QueryPath[] {
  const query = queryOf(head.rawTarget)
  const paths = query === '' ? [] : pathsIn(query, { ...options, place: 'The query' })
  return options.frontController ? [...paths, ...pathsInCookies(fieldValues(head, 'cookie').join(';'))] : paths
}

interface TextOptions extends PathOptions {
  /** The part of the request, as the subject of a sentence. */
  place: string
  /** Maximum number of segments of a path to compare; further ones are ignored. @default all */
  most?: number | undefined
}

/** The paths in text that has the form of a query. */
function pathsIn(query: string, { most, place, ...options }: TextOptions): QueryPath[] {
  const paths = new Map<string, QueryPath>()
  const total: SegmentCounts = { names: 0, scripts: 0, pages: 0 }
  for (const { encoded, isRest, end } of candidatesIn(query, options)) {
    const key = `${isRest} ${encoded}`
    if (paths.has(key)) continue
    if (paths.size === maxPaths) throw ambiguous(`${place} has more than ${maxPaths} keys or values that may be paths.`)
    const names = segmentsOf(encoded, end).slice(0, most)
    paths.set(key, { names, isRest })
    const counts = countSegments(names)
    total.names += counts.names
    total.scripts += counts.scripts
    total.pages += counts.pages
    const excess = excessOf(total)
    if (excess !== undefined) throw ambiguous(`${place} has paths with ${excess}.`)
  }
  return [...paths.values()]
}

/** Number of segments of a form value to compare at a front controller: the value may be a text with many slashes. */
const mostSegments = 64

/** Like {@link pathsInHead}, for the value of a form field. */
export function pathsInValue(encoded: string, { frontController }: PathOptions): QueryPath[] {
  return pathsIn(encoded, { frontController, place: 'A form field', most: frontController ? mostSegments : undefined })
}

/** An escape, in any layer of encoding, of which the end may be missing. */
const truncatedEscape = /%(?:25)*[\da-f]?$/i

/**
 * Like {@link pathsInValue}, for the start of a long value.
 *
 * @throws AAuthError `target_ambiguous` also if a server may ignore all of the start, and any path requires more
 */
export function pathsInLongValue(
  start: string,
  { hasStricter, ...options }: PathOptions & { hasStricter: () => boolean },
): QueryPath[] {
  const text = start.replace(truncatedEscape, '')
  if (!options.frontController && !slashMayFollow.test(text)) return []
  const paths = pathsInValue(text, options)
  if (paths.some(({ names }) => names.length > 0) || !hasStricter()) return paths
  throw ambiguous('A form field starts with too many characters that servers may ignore in a path.')
}

/** The paths in cookies, also without the quotes and escapes that many servers remove. */
function pathsInCookies(cookies: string): QueryPath[] {
  const unquoted = cookies.replaceAll(/\\([0-3][0-7]{2}|.)|"/g, (_, escaped?: string) => {
    if (escaped === undefined) return ''
    return escaped.length === 1 ? escaped : String.fromCharCode(Number.parseInt(escaped, 8))
  })
  const readings = unquoted === cookies ? [cookies] : [cookies, unquoted]
  return readings.flatMap((text) =>
    text === '' ? [] : pathsIn(text, { frontController: true, place: 'The Cookie header' }),
  )
}

function* candidatesIn(query: string, { frontController }: PathOptions): Generator<Candidate> {
  for (const [encoded] of query.matchAll(frontController ? allFields : fieldsWithSlash))
    yield { encoded, isRest: false, end: /[?#&\0]/ }
  // CodeIgniter treats the whole query as the path, including parameter separators.
  if (/[&;=]/.test(query) && (frontController || beginsAsPath(query)))
    yield { encoded: query, isRest: false, end: /[?#\0]/ }
  // WordPress treats the value of `rest_route` as the path, with or without a slash.
  if (!/rest|%/i.test(query)) return // its letters are neither plain nor encoded
  for (const [, key, encoded] of query.matchAll(longParameters) as Iterable<[string, string, string]>)
    if (isRestRoute(parameterName(key))) yield { encoded, isRest: true, end: /[?#&\0]/ }
}

/** The segments of an encoded path, without empty ones, and with dot segments resolved. */
function segmentsOf(encoded: string, end: RegExp): string[] {
  // `trim` leaves control characters such as NUL, which PHP's trim removes as well.
  const decoded = decodeSegment(encoded.replaceAll('+', ' '))
    .replace(/^[\0-\x20]+/, '')
    .trim()
  const [path] = decoded.split(end) as [string]
  const segments: string[] = []
  for (const segment of path.split(/[/\\]/))
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  return segments
}

function ambiguous(problem: string): AAuthError {
  return new AAuthError('target_ambiguous', problem)
}

/** The number of names in all interpretations of the given paths. */
export function interpretedNames(paths: readonly QueryPath[]): number {
  return paths.reduce((sum, path) => {
    const { names, scripts, pages } = countSegments(path.names)
    return sum + names * (1 + 3 * scripts) * (1 + pages)
  }, 0)
}
