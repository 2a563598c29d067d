import { AAuthError } from 'countersign/resource'
import { decodeSegment, foldName } from './fold.js'
import type { ParsedPath } from './path-grammar.js'
import type { PathRows } from './path-rows.js'

/** The names that rows of a table have before a parenthesis: `users` of `/odata/Users({id})`. In folded form. */
export function calledNames(groups: readonly PathRows[]): ReadonlySet<string> {
  const calls = groups.flatMap(({ pattern }) => pattern.segments).filter(({ before }) => before.includes('('))
  return new Set(calls.map(({ before }) => foldName(decodeSegment(before.slice(0, before.indexOf('('))))))
}

/** Most names in one path that may be those of entities: each adds a reading. */
const mostEntities = 8

/**
 * The paths that servers of OData take a path for: without the namespace of an entity set (`S.Users` is `Users`), and with a key in
 * parentheses (`Users/1` is `Users(1)`).
 *
 * @param called From {@link calledNames}
 * @throws AAuthError `target_ambiguous` for more than 8 names of entities
 */
export function entityPaths(names: readonly string[], called: ReadonlySet<string>): string[][] {
  if (called.size === 0) return []
  const plain = names.map((name) => {
    const [set = ''] = name.split('(', 1)
    const unqualified = name.slice(set.lastIndexOf('.') + 1)
    return called.has(setOf(unqualified)) ? unqualified : name
  })
  const paths = plain.some((name, at) => name !== names[at]) ? [plain] : []
  let entities = 0
  for (const [at, name] of plain.entries()) {
    const key = plain[at + 1]
    if (key === undefined || key === '' || name.includes('(') || !called.has(setOf(name))) continue
    if (++entities > mostEntities)
      throw new AAuthError('target_ambiguous', `The path names more than ${mostEntities} entities.`)
    paths.push(plain.toSpliced(at, 2, `${name}(${key})`))
  }
  return paths
}

function setOf(name: string): string {
  return foldName(name.split('(', 1)[0] as string)
}

/** `Users(1)` is an entity or a function of OData, and `$batch` holds other requests: only a route that names them counts. */
export function requireNamedCalls({ segments, decoded }: ParsedPath, chosen: readonly PathRows[]): void {
  for (const [at, segment] of segments.entries()) {
    const name = callOf(segment, decoded[at] as string)
    if (name === undefined || chosen.every(({ pattern }) => pattern.segments[at]?.before.startsWith(name))) continue
    throw new AAuthError('target_ambiguous', `No route names ${name}: in OData, it may stand for another resource.`)
  }
}

/** The raw segment up to its first parenthesis, if it is one of a call. ASP.NET drops a leading `(S(…))`, a session, from a path. */
function callOf(segment: string, decoded: string): string | undefined {
  if (/^\$batch\b/i.test(decoded)) return segment
  const isCall = decoded.endsWith(')') && decoded.includes('(')
  return isCall || /^\([a-z]\(/i.test(decoded) ? /^.*?(?:\(|%28)/i.exec(segment)?.[0] : undefined
}
