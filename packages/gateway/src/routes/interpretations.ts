import { AAuthError } from 'countersign/resource'
import { decodeSegment, foldName, isScript, type ParsedPath } from './request-path.js'

/** The names in a path, and whether further names may follow, as in open patterns. */
export interface Names {
  names: readonly string[]
  open: boolean
}

/**
 * The decoded paths that servers may take a path to be: the path itself, with or without the parameters of its last segment, with encoded
 * octets decoded; the page whose data the path contains; and, if a script precedes further segments, the script alone, the segments after
 * the script, and the path without the script.
 */
export function interpretations(
  { decoded, encoded, hasParameters }: Omit<ParsedPath, 'segments'>,
  open = false,
): Names[] {
  const read = optedReadings(decoded, { encoded, hasParameters })
  read.push(...read.flatMap((names) => [...pagesOf(names)]))
  return read.flatMap((names) => [{ names, open }, ...aroundScripts(names, open)])
}

/**
 * For a path with parameters or encoded octets: the paths that servers may take it to be, with and without these, but otherwise as sent.
 * Empty for any other path, which has only one spelling.
 */
export function spelledReadings({ segments, decoded, encoded, hasParameters }: ParsedPath): (readonly string[])[] {
  if (!hasParameters && !encoded) return []
  const spelled = encoded ? segments.with(encoded.at, decoded[encoded.at] as string) : segments
  return optedReadings(spelled, { encoded, hasParameters })
}

/** Returns the path itself, without its parameters, and split or truncated at its encoded octets. */
function optedReadings(
  names: readonly string[],
  { encoded, hasParameters }: Pick<ParsedPath, 'encoded' | 'hasParameters'>,
): (readonly string[])[] {
  const read = [names]
  if (hasParameters) read.push(names.with(-1, (names.at(-1) as string).replace(/;.*$/s, '')))
  for (const each of encoded ? [...read] : []) {
    const text = each.join('/')
    read.push(text.split('/'))
    if (text.includes(';')) read.push(text.split('/').map((name) => name.replace(/;.*$/s, '')))
    if (text.includes('#')) read.push((text.split('#')[0] as string).split('/'))
  }
  return read
}

/** Maximum number of paths into which the lists in a single path are expanded. */
export const mostListed = 16

/**
 * The paths of list items, which some servers run instead of the whole list: tRPC batches (`/trpc/a,b`), Elasticsearch indices. There is
 * one path for each combination of items; undefined if there are more than `most`.
 */
export function listedPaths(names: readonly string[], most = mostListed): (readonly string[])[] | undefined {
  let paths: (readonly string[])[] = [names]
  for (const [at, name] of names.entries()) {
    if (!name.includes(',')) continue
    const items = [...new Set(name.split(','))]
    if (paths.length * items.length > most) return undefined
    paths = paths.flatMap((path) => items.map((item) => path.with(at, item)))
  }
  return paths[0] === names ? [] : paths
}

/** If an API's front controller is in a folder, Symfony treats the path up to it as the base, and runs what follows it, even if that is empty. */
function aroundScripts(names: readonly string[], open: boolean): Names[] {
  const read: Names[] = []
  if (!open && names.length > 1 && /^index\.php$/i.test(names.at(-1) as string)) read.push({ names: [], open })
  for (const [at, name] of names.entries()) {
    if ((at === names.length - 1 && !open) || !isScript(name)) continue
    read.push({ names: names.slice(0, at + 1), open: false }, { names: names.slice(at + 1), open })
    read.push({ names: names.toSpliced(at, 1), open })
  }
  return read
}

/** Names at the end of a path under which frameworks serve the data of the page at the preceding path. */
const dataNames =
  /^(?:__data\.json|__route\.js|_payload\.js(?:on)?|_(?:root)?\.data|q-(?:loader-)?data\.json|index\.pagecontext\.json)$/i

/**
 * The paths of the pages that frameworks run for a page-data path: `__data.json` in SvelteKit, `_payload.json` in Nuxt, `_.data` in React
 * Router, `q-data.json` in Qwik, `/_next/data/{build}/….json` and `.segments/` in Next.js, and `/page-data/` in Gatsby.
 */
function pagesOf(names: readonly string[]): string[][] {
  const last = names.at(-1) ?? ''
  const pages: string[][] = []
  if (/data|payload|route|pagecontext/i.test(last)) {
    if (dataNames.test(last)) pages.push(names.slice(0, -1))
    const html = /(.*)\.html__data\.json$/i.exec(last)?.[1]
    if (html !== undefined) pages.push(names.with(-1, html))
  }
  for (let at = 0; at < names.length - 1; at++) {
    const name = names[at] as string
    if (/^_next$/i.test(name) && /^data$/i.test(names[at + 1] as string) && at + 3 < names.length)
      pages.push(withoutFile([...names.slice(0, at), ...names.slice(at + 3)]))
    else if (/^page-data$/i.test(name) && /^page-data\.json$/i.test(last))
      pages.push(withoutFile([...names.slice(0, at), ...names.slice(at + 1, -1)]))
    else if (/\.segments$/i.test(name)) pages.push(withoutFile([...names.slice(0, at), name.slice(0, -9)]))
  }
  return pages
}

/** Converts a data file's path to the path of its page. */
function withoutFile(names: string[]): string[] {
  const last = (names.at(-1) ?? '').replace(/\.json$/i, '')
  const parents = names.slice(0, -1)
  return last === 'index' ? parents : [...parents, last]
}

/** The literal text before the parameter in each segment of a pattern. */
interface LiteralParts {
  segments: readonly { before: string }[]
}

/** The names that precede a parenthesis in patterns, in folded form: `users` in `/odata/Users({id})`. */
export function calledNames(patterns: readonly LiteralParts[]): ReadonlySet<string> {
  const calls = patterns.flatMap(({ segments }) => segments).filter(({ before }) => before.includes('('))
  return new Set(calls.map(({ before }) => foldName(decodeSegment(before.slice(0, before.indexOf('('))))))
}

/** Maximum number of names in one path that may be entities. Each of them adds an interpretation. */
const mostEntities = 8

/**
 * The paths that OData servers may take a path to be: without the namespace of an entity set (`S.Users` is `Users`), and with a key in
 * parentheses (`Users/1` is `Users(1)`).
 *
 * @param called from {@link calledNames}
 * @throws AAuthError `target_ambiguous` for more than 8 entity names
 */
export function entityPaths(names: readonly string[], called: ReadonlySet<string>): string[][] {
  if (called.size === 0) return []
  const plain = names.map((name) => {
    const [set] = name.split('(') as [string]
    const unqualified = name.slice(set.lastIndexOf('.') + 1)
    return called.has(setOf(unqualified)) ? unqualified : name
  })
  const paths = plain.some((name, at) => name !== names[at]) ? [plain] : []
  let entities = 0
  for (const [at, name] of plain.entries()) {
    const key = plain[at + 1]
    if (key === undefined || key === '' || name.includes('(') || !called.has(setOf(name))) continue
    if (++entities > mostEntities)
      throw new AAuthError('target_ambiguous', `The path contains more than ${mostEntities} entity names.`)
    paths.push(plain.toSpliced(at, 2, `${name}(${key})`))
  }
  return paths
}

function setOf(name: string): string {
  return foldName(name.split('(')[0] as string)
}

/** The literal names in patterns, in folded form. */
export function literalNames(
  patterns: readonly { segments: readonly { before: string; free: boolean }[] }[],
): ReadonlySet<string> {
  const literal = patterns.flatMap(({ segments }) => segments).filter(({ free }) => !free)
  return new Set(literal.map(({ before }) => foldName(decodeSegment(before))))
}

/**
 * Refuses a call whose name is in no selected route: `Users(1)` is an entity or a function in OData, and `$batch` contains other requests.
 *
 * @param sets names that may be called. @default any
 * @throws AAuthError `target_ambiguous`
 */
export function requireNamedCalls(
  { segments, decoded }: ParsedPath,
  chosen: readonly LiteralParts[],
  sets?: ReadonlySet<string>,
): void {
  for (const [at, segment] of segments.entries()) {
    const name = callOf(segment, decoded[at] as string, sets)
    if (name === undefined || chosen.every((pattern) => pattern.segments[at]?.before.startsWith(name))) continue
    throw new AAuthError('target_ambiguous', `No route contains ${name}: in OData, it may refer to another resource.`)
  }
}

/** The raw segment up to its first parenthesis, if it is a call. ASP.NET removes a leading `(S(…))`, which is a session, from a path. */
function callOf(segment: string, decoded: string, sets: ReadonlySet<string> | undefined): string | undefined {
  if (/^\$batch\b/i.test(decoded)) return segment
  const isCall = decoded.endsWith(')') && decoded.includes('(') && (!sets || isSet(decoded, sets))
  return isCall || /^\([a-z]\(/i.test(decoded) ? /^.*?(?:\(|%28)/i.exec(segment)?.[0] : undefined
}

/** Whether a call refers to one of the sets, with or without a namespace. */
function isSet(call: string, sets: ReadonlySet<string>): boolean {
  const name = setOf(call)
  return sets.has(name) || sets.has(name.slice(name.lastIndexOf('.') + 1))
}

/** The ways in which servers may interpret a path. */
export interface Readings {
  paths: (readonly string[])[]
  /** Interpretations that have more list items than are compared. */
  unlisted: (readonly string[])[]
}

/**
 * Returns the ways in which servers may interpret a path.
 *
 * @param called from {@link calledNames}
 */
export function readingsOf(path: ParsedPath, called: ReadonlySet<string>): Readings {
  const readings: Readings = { paths: [], unlisted: [] }
  let listed = 0
  for (const { names } of interpretations(path)) {
    const items = listedPaths(names, mostListed - listed)
    if (items) listed += items.length
    else readings.unlisted.push(names)
    readings.paths.push(names, ...entityPaths(names, called), ...(items ?? []))
  }
  return readings
}
