import { AAuthError } from 'countersign/resource'
import { requireTarget } from 'countersign/signatures'
import { decodeSegment, foldName, isScript } from './fold.js'

/** Octets that only `encoded` of a route permits, in upper case. */
export type EncodedOctet = '%2F' | '%23' | '%25'

/** A raw path that the grammar accepts. It is forwarded as it is, never rebuilt. */
export interface ParsedPath {
  /** The raw segments after the first slash; the last one is empty if the path ends with a slash. */
  readonly segments: readonly string[]
  /** The same without encoding, in all of its layers. */
  readonly decoded: readonly string[]
  /** The one segment that has encoded octets which a route must permit. */
  readonly encoded: { readonly at: number; readonly octets: readonly EncodedOctet[] } | undefined
  /** Whether the last segment has `;…`, which a route must permit. */
  readonly hasParameters: boolean
}

const maxSegments = 256

/** RFC 3986 §3.3, without `;`: see {@link requirePath}. */
const plainPath = /^\/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/

/** Letters, digits, and `-._~` (RFC 3986 §2.3). */
const unreserved = /%(?:2[de]|3\d|4[1-9a-f]|5[\daf]|6[1-9a-f]|7[\dae])/i

/**
 * Parses the path of a raw target, and refuses what servers interpret in more than one way (W29): dot segments and empty ones,
 * delimiters and control characters in any encoding, encoded characters that need none, and octets that are not UTF-8. `;` in the last
 * segment, `%2F`, `%23` and `%25` are accepted here, and {@link ParsedPath} says that a route must permit them.
 *
 * @throws AAuthError `target_ambiguous`
 */
export function requirePath(rawTarget: string): ParsedPath {
  const { path } = requireTarget(rawTarget)
  const parsed = parsePath(path)
  if (typeof parsed === 'string')
    throw new AAuthError('target_ambiguous', `The path has ${parsed}, which servers interpret in different ways.`)
  return parsed
}

/** The path, or its problem. */
export function parsePath(path: string): ParsedPath | string {
  if (!plainPath.test(path)) return 'a character that must be encoded, or a % without two hexadecimal digits'
  const segments = path.slice(1).split('/')
  const decoded = path.includes('%') ? segments.map(decodeSegment) : segments
  const names = path.includes('%') ? decoded.flatMap((name) => name.split('/')) : segments
  const excess = excessOf({
    names: names.length,
    scripts: names.filter(isScript).length,
    pages: names.filter(isPageName).length,
  })
  if (excess !== undefined) return excess
  const last = segments.length - 1
  const parameters = path.indexOf(';')
  if (parameters !== -1 && parameters < path.lastIndexOf('/')) return '; before its last segment'
  const needless = unreserved.exec(path)?.[0]
  if (needless !== undefined) return `${needless}, which needs no encoding`
  let encoded: ParsedPath['encoded']
  for (const [at, segment] of segments.entries()) {
    if (segment === '' && at === last) continue
    if (/^\w[\w-]*$/.test(segment)) continue
    const name = decoded[at] as string
    const problem = segmentProblem(segment, name)
    if (problem !== undefined) return problem
    const octets = encodedOctets(segment, name)
    if (octets.length === 0) continue
    if (encoded) return 'encoded delimiters in two segments'
    encoded = { at, octets }
  }
  return { segments, decoded, encoded, hasParameters: parameters !== -1 }
}

/** Why the names of one or more paths have too many interpretations, if so: each script adds three, and each page one. */
export function excessOf(count: { names: number; scripts: number; pages: number }): string | undefined {
  if (count.names > maxSegments) return `more than ${maxSegments} segments`
  if (count.scripts > 2) return 'more than two names of scripts'
  return count.pages > 4 ? 'more than four names of page data' : undefined
}

/** Names that make a path one of the data of a page; each may add an interpretation. */
const pageName = /^(?:_next|page-data)$|\.segments$/i

/** Whether a name may make a path one of the data of a page. */
export function isPageName(name: string): boolean {
  return pageName.test(name)
}

/** `/` and `#` of a segment, also in further layers of encoding, and `%` itself. */
function encodedOctets(segment: string, decoded: string): EncodedOctet[] {
  if (!/%2[f35]/i.test(segment)) return []
  const found: EncodedOctet[] = []
  if (decoded.includes('/')) found.push('%2F')
  if (decoded.includes('#')) found.push('%23')
  if (segment.includes('%25')) found.push('%25')
  return found
}

function segmentProblem(segment: string, decoded: string): string | undefined {
  if (segment === '') return 'an empty segment'
  if (decoded !== segment) {
    if (!isUtf8(segment)) return 'octets that are not UTF-8'
    if (/[\p{Cc}\\?]/u.test(decoded) || /;/.test(decoded) !== /;/.test(segment) || /%3b/i.test(segment))
      return 'an encoded delimiter or control character'
    if (/%[0-9A-Fa-f]{2}/.test(decoded)) return 'too many layers of encoding'
    // The slashes that Windows converts are beyond NFKC.
    for (const [text] of decoded.matchAll(/[^\0-\x7f]+/g))
      if (/[\\/;?#%\p{Cc}]/u.test(text.normalize('NFKC')) || /[\u2044\u2215\u2216]/.test(text))
        return 'a letter that some servers convert to a delimiter'
  }
  const [name = ''] = decoded.split(';', 1)
  for (const part of name.split('/')) {
    const [before = ''] = part.split('#', 1)
    const folded = foldName(before)
    if (part === '') return 'an empty segment'
    if ((folded === '' && before !== '') || folded.startsWith('..')) return 'a dot segment, or one of blanks'
  }
  return undefined
}

function isUtf8(encoded: string): boolean {
  try {
    decodeURIComponent(encoded)
    return true
  } catch (error) {
    if (error instanceof URIError) return false
    throw error
  }
}
