import { AAuthError } from 'countersign/resource'
import { requireTarget } from 'countersign/signatures'

/** Distinctions that an API makes but many servers do not: letter case, and the extensions of the last segment. */
export interface Kept {
  case: boolean
  endings: boolean
}

type KeptCase = Pick<Kept, 'case'>

const ignoringCase: KeptCase = { case: false }

/** Every combination. A route's `case` and `endings` select one of them. */
export const folds: readonly Kept[] = [
  { case: false, endings: false },
  { case: true, endings: false },
  { case: false, endings: true },
  { case: true, endings: true },
]

const script =
  /^index(?:\.|$)|\.(?:php\w*|pht\w*|phar|f?cgi|p[ly]|rb|lua|exe|dll|shtml|as[hmp]x?|aspx|svc|jspx?|jsf|faces|cf[cm]|do|action)$/

/** Whether servers run a decoded segment as a script and pass the following segments to it. */
export function isScript(decoded: string): boolean {
  return /index|\.|[^\0-\x7f]/i.test(decoded) && script.test(foldName(decoded))
}

/** Decodes up to five layers of encoding in a raw segment. Invalid sequences are left unchanged. */
export function decodeSegment(segment: string): string {
  let decoded = segment
  for (let layer = 0; layer < 5 && decoded.includes('%'); layer++) {
    const next = decodeLayer(decoded)
    if (next === decoded) break
    decoded = next
  }
  return decoded
}

function decodeLayer(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (!(error instanceof URIError)) throw error
    return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'))
  }
}

/**
 * The common form of all names that at least one server treats as equal. It removes differences in compatibility characters (NFKC), case,
 * ignorable characters, `+` for a space, leading and trailing whitespace, trailing dots, and NTFS streams (`::$DATA`).
 */
export function foldName(decoded: string, kept = ignoringCase): string {
  if (/^[a-z0-9_-]*(?:\.[a-z0-9_-]+)*$/.test(decoded)) return decoded
  let name = decoded
  if (/[^\0-\x7f]/.test(name)) {
    name = name.replaceAll(/\p{Default_Ignorable_Code_Point}+/gu, '').normalize('NFKC')
    if (!kept.case) name = foldCase(name)
  } else if (!kept.case) name = name.toLowerCase()
  const colon = name.indexOf(':')
  if (colon !== -1 && name.indexOf('$', colon) !== -1) name = name.slice(0, colon)
  if (name.includes('+')) name = name.replaceAll('+', ' ')
  return trimEnd(/^\s/.test(name) ? name.trimStart() : name)
}

/** Converts to upper case first, so that `ß` and `ẞ` become `ss`, `ς` and `Σ` become the same letter, and `ı` and `İ` become `i`. */
function foldCase(name: string): string {
  let folded = name
  for (let round = 0; round < 2; round++) {
    const before = folded
    folded = folded.toUpperCase().toLowerCase().replaceAll('i\u0307', 'i').replaceAll('ς', 'σ').normalize('NFKC')
    if (folded === before) break
  }
  return folded
}

/** Removes trailing whitespace, dots and colons, in linear time. */
function trimEnd(name: string): string {
  let end = name.length
  while (end > 0 && /[\s.:]/.test(name[end - 1] as string)) end--
  return name.slice(0, end)
}

/** The parts that are dropped from the end of a path: an index file and empty names, only empty names, or nothing. */
export const ends = ['index', 'empty', 'nothing'] as const
export type End = (typeof ends)[number]

/** Folds the names in a path. The last name loses its extension (`.json`, `.tar.gz`). */
export function foldNames(decoded: readonly string[], kept: Kept, dropped?: End): string[] {
  return withoutEnd(
    decoded.map((name) => foldName(name, kept)),
    kept,
    dropped,
  )
}

/** Drops the end of a path whose names have already been folded. */
export function withoutEnd(folded: readonly string[], kept: Kept, dropped: End = 'index'): string[] {
  const names = [...folded]
  for (;;) {
    const last = names.pop()
    if (last === undefined) return names
    const bare = kept.endings ? last : withoutEnding(last)
    if (bare === '' ? dropped !== 'nothing' : dropped === 'index' && !kept.endings && isIndex(bare, last)) continue
    names.push(bare)
    return names
  }
}

/** Like {@link foldName}, but folds each name only once. */
export type FoldOnce = (decoded: string, kept: KeptCase) => string

/** Creates a cache for one request, because its names are compared in many forms, and some are slow to fold. */
export function createFoldOnce(): FoldOnce {
  const withCase = new Map<string, string>()
  const withoutCase = new Map<string, string>()
  return (decoded, kept) => {
    const cache = kept.case ? withCase : withoutCase
    let folded = cache.get(decoded)
    if (folded === undefined) {
      folded = foldName(decoded, kept)
      cache.set(decoded, folded)
    }
    return folded
  }
}

/**
 * The forms of a path for different servers: some treat an index file as its folder and ignore a trailing slash, some ignore only the
 * slash, and some treat an empty name as a parameter.
 */
export function foldedForms(
  decoded: readonly string[],
  kept: Kept,
  fold: FoldOnce = foldName,
): { end: End; names: string[] }[] {
  const forms: { end: End; names: string[] }[] = []
  const folded = decoded.map((name) => fold(name, kept))
  for (const end of ends) {
    const names = withoutEnd(folded, kept, end)
    if (names.length !== forms.at(-1)?.names.length) forms.push({ end, names })
    if (names.length === decoded.length) break
  }
  // Spring removes the extension from `/.json`, too, and runs `/`.
  if (!kept.endings && folded.at(-1)?.startsWith('.'))
    forms.push({ end: 'index', names: withoutEnd(folded.slice(0, -1), kept) })
  return forms
}

/** `default` without an extension is a common id. */
function isIndex(bare: string, name: string): boolean {
  return /^index$/i.test(bare) || (/^default$/i.test(bare) && bare !== name)
}

/** A folded name without its extension: `report` for `report.tar.gz`. */
export function withoutEnding(name: string): string {
  const dot = name.indexOf('.', 1)
  return dot === -1 ? name : trimEnd(name.slice(0, dot))
}

/** Octets that only a route's `encoded` option permits, in upper case. */
export type EncodedOctet = '%2F' | '%23' | '%25'

/** A raw path that the grammar accepts. It is forwarded unchanged, never rebuilt. */
export interface ParsedPath {
  /** The raw segments after the first slash. The last one is empty if the path ends with a slash. */
  readonly segments: readonly string[]
  /** The same segments, with all layers of encoding decoded. */
  readonly decoded: readonly string[]
  /** The single segment with encoded octets, which a route must permit. */
  readonly encoded: { readonly at: number; readonly octets: readonly EncodedOctet[] } | undefined
  /** Whether the last segment has `;…` parameters, which a route must permit. */
  readonly hasParameters: boolean
}

const maxSegments = 256

/** RFC 3986 §3.3, without `;`: see {@link requirePath}. */
const plainPath = /^\/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/

/** Letters, digits, and `-._~` (RFC 3986 §2.3). */
const unreserved = /%(?:2[de]|3\d|4[1-9a-f]|5[\daf]|6[1-9a-f]|7[\dae])/i

/**
 * Parses the path of a raw target, and refuses paths that servers interpret in different ways (W29): empty segments and dot segments,
 * delimiters and control characters in any encoding, unnecessary escapes, and octets that are not UTF-8. `;` in the last segment, `%2F`,
 * `%23` and `%25` are accepted here, but {@link ParsedPath} reports them, because a route must permit them.
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

/** Returns the parsed path, or its problem. */
export function parsePath(path: string): ParsedPath | string {
  if (!plainPath.test(path)) return 'a character that must be encoded, or a % without two hex digits'
  const segments = path.slice(1).split('/')
  const decoded = segments.map(decodeSegment)
  const excess = excessOf(countSegments(decoded.flatMap((name) => name.split('/'))))
  if (excess !== undefined) return excess
  const last = segments.length - 1
  const parameters = path.indexOf(';')
  if (parameters !== -1 && parameters < path.lastIndexOf('/')) return '; before its last segment'
  const needless = unreserved.exec(path)?.[0]
  if (needless !== undefined) return `${needless}, an unnecessary escape`
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

/** How many decoded segments one or more paths have, and how many of them add interpretations: three for each script, and one for each page. */
export interface SegmentCounts {
  names: number
  scripts: number
  pages: number
}

/** Counts the decoded segments of a path. */
export function countSegments(names: readonly string[]): SegmentCounts {
  return { names: names.length, scripts: names.filter(isScript).length, pages: names.filter(isPageName).length }
}

/** Returns why one or more paths have too many interpretations; undefined if they do not. */
export function excessOf(count: SegmentCounts): string | undefined {
  if (count.names > maxSegments) return `more than ${maxSegments} segments`
  if (count.scripts > 2) return 'more than two script names'
  return count.pages > 4 ? 'more than four page-data names' : undefined
}

/** Names that mark a path as page data. Each of them may add an interpretation. */
const pageName = /^(?:_next|page-data)$|\.segments$/i

/** Whether a name may mark a path as page data. */
export function isPageName(name: string): boolean {
  return pageName.test(name)
}

/** The octets `/` and `#` in a segment, in any layer of encoding, and `%` itself. */
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
    // NFKC does not cover the characters that Windows converts to slashes.
    for (const [text] of decoded.matchAll(/[^\0-\x7f]+/g))
      if (/[\\/;?#%\p{Cc}]/u.test(text.normalize('NFKC')) || /[\u2044\u2215\u2216]/.test(text))
        return 'a character that some servers convert to a delimiter'
  }
  const [name] = decoded.split(';') as [string]
  for (const part of name.split('/')) {
    const [before] = part.split('#') as [string]
    const folded = foldName(before)
    if (part === '') return 'an empty segment'
    if ((folded === '' && before !== '') || folded.startsWith('..')) return 'a dot segment, or a segment of spaces'
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
