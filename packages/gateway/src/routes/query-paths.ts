import { AAuthError } from 'countersign/resource'
import { decodeSegment, excessOf, isPageName, isScript } from './request-path.js'
import { isRestRoute, parameterName } from './require-plain-fields.js'

/** A path in a field of a request. A server may run it instead of the request's path (G48, G54). */
export interface QueryPath {
  names: readonly string[]
  /** Whether the field is certainly a path, so that rows that start with a parameter are compared as well. @default false */
  isCertain?: boolean
  /** Whether the path is a WordPress REST path, which is relative to a prefix that it does not contain: `/wp-json`. */
  isRest: boolean
}

const maxPaths = 100

/** A slash, after whitespace and in any layer of encoding. */
const slash = /(?:[\0-\x20+]|%(?:25)*(?:[01][\da-f]|20))*(?:[/\\]|%(?:25)*(?:2f|5c))/

/** A raw key or value that starts with a slash. */
const slashed = new RegExp(`(?<=^|[&;=])${slash.source}[^&;=]*`, 'gi')

const slashFirst = new RegExp(`^${slash.source}`, 'i')

/** Whether a raw value may be treated as a path by any front controller. */
export function beginsAsPath(encoded: string): boolean {
  return slashFirst.test(encoded)
}

/**
 * The paths in a raw query: keys and values that start with a slash, the value of `rest_route`, and for a front controller all other keys
 * and values.
 *
 * @throws AAuthError `target_ambiguous` for more than 100 paths, or if they contain more names than a path may have
 */
export function pathsInQuery(query: string, isFrontController: boolean): QueryPath[] {
  const found = new Map<string, QueryPath>()
  const total = { names: 0, scripts: 0, pages: 0 }
  const add = (text: string, isRest: boolean, end = /[?#&]/) => {
    const key = `${isRest} ${text}`
    if (found.has(key)) return
    const names = namesIn(text, end)
    found.set(key, { names, isRest })
    total.names += names.length
    total.scripts += names.filter(isScript).length
    total.pages += names.filter(isPageName).length
    if (found.size > maxPaths)
      throw new AAuthError('target_ambiguous', `The query has more than ${maxPaths} keys or values that may be paths.`)
    const excess = excessOf(total)
    if (excess !== undefined) throw new AAuthError('target_ambiguous', `The query has paths with ${excess}.`)
  }
  for (const [text] of query.matchAll(isFrontController ? /[^&;=]+/g : slashed)) add(text, false)
  // CodeIgniter treats the whole query as the path, including parameter separators.
  if (/[&;=]/.test(query) && (isFrontController || query.search(slashed) === 0)) add(query, false, /[?#]/)
  if (/rest|%/i.test(query))
    for (const [, key = '', value = ''] of query.matchAll(/(?<=^|[&;])([^&;=]{10,})=([^&;]*)/g))
      if (isRestRoute(parameterName(key))) add(value, true)
  return [...found.values()]
}

/** The names in an encoded path, without empty names, and with dot segments resolved. */
function namesIn(encoded: string, end: RegExp): string[] {
  const names: string[] = []
  const text = decodeSegment(encoded.replaceAll('+', ' '))
    .replace(/^[\0-\x20]+/, '')
    .trim()
  for (const name of text.split(end, 1)[0]?.split(/[/\\]/) ?? [])
    if (name === '..') names.pop()
    else if (name !== '' && name !== '.') names.push(name)
  return names
}

/** Maximum number of names in the interpretations of all paths in one body. A single path has up to 8,960. */
export const maxInterpreted = 20_000

/** The number of names in all interpretations of the given paths. */
export function interpretedNames(paths: readonly QueryPath[]): number {
  return paths.reduce((sum, { names }) => {
    const scripts = names.filter(isScript).length
    const pages = names.filter(isPageName).length
    return sum + names.length * (1 + 3 * scripts) * (1 + pages)
  }, 0)
}
