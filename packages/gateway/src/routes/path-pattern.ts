import { ambiguityOf } from './plain-path.js'

/** A pattern of paths, taken apart. */
export interface PathPattern {
  segments: readonly Segment[]
  /** Whether anything may follow. */
  open: boolean
}

/** A segment: literal, or with one parameter between two literal parts. */
export interface Segment {
  before: string
  after: string
  /** Whether there is a parameter. */
  free: boolean
}

/** Paths as they are sent: encoded, and with no two ways to write them. */
const literal = /^[A-Za-z0-9\-._~!$&'()+,=:@%]*$/

export function pathPatternProblem(path: unknown): string | undefined {
  if (typeof path !== 'string' || !path.startsWith('/')) return 'must be a path that begins with /'
  const parts = path.slice(1).split('/')
  for (const [at, part] of parts.entries()) {
    const last = at === parts.length - 1
    if (part === '' && !last) return 'has an empty segment, and no request with // is passed on'
    if (part === '*' && last) continue
    if (part.includes('*')) return 'may have * as its last segment only: /files/*'
    if (/[[\]|]/.test(part)) return 'has [, ] or |: it is no regular expression, and a parameter is written {id}'
    if (/^:\w/.test(part)) return `has ${part}: a parameter is written {${part.slice(1)}}`
    const parameters = part.match(/\{[^{}]*\}/g) ?? []
    const rest = part.replaceAll(/\{[^{}]*\}/g, '')
    if (parameters.length > 1) return 'has two parameters in one segment'
    if (!literal.test(rest)) return `has a segment that no path has: ${part}`
  }
  const ambiguity = ambiguityOf(path.replaceAll(/\{[^{}]*\}/g, 'x').replace(/\*$/, 'x'))
  return ambiguity === undefined ? undefined : `has ${ambiguity}, and no request with such a path is passed on`
}

export function parsePathPattern(path: string): PathPattern {
  const parts = path.slice(1).split('/')
  const open = parts.at(-1) === '*'
  return { open, segments: (open ? parts.slice(0, -1) : parts).map(parseSegment) }
}

function parseSegment(part: string): Segment {
  const [, before = part, parameter, after = ''] = /^([^{]*)(\{[^{}]*\})(.*)$/.exec(part) ?? []
  return { before, after, free: parameter !== undefined }
}

/** Patterns of the same paths have the same shape, whatever their parameters are called. */
export function shapeOf({ segments, open }: PathPattern): string {
  const parts = segments.map(({ before, after, free }) => (free ? `${before}{}${after}` : before))
  return [...parts, ...(open ? ['*'] : [])].join('/')
}

/** Whether a path, as its segments, is one of the pattern's. */
export function patternFits({ segments, open }: PathPattern, path: readonly string[]): boolean {
  if (open ? path.length <= segments.length : path.length !== segments.length) return false
  return segments.every((segment, at) => segmentFits(segment, path[at] ?? ''))
}

function segmentFits({ before, after, free }: Segment, part: string): boolean {
  if (!free) return part === before
  return part.length > before.length + after.length && part.startsWith(before) && part.endsWith(after)
}

/** Whether a path is one of the pattern's with an ending of any length behind it: `/admin.tar.gz` of `/admin`. */
export function patternFitsEnding({ segments }: PathPattern, path: readonly string[]): boolean {
  const last = segments.at(-1)
  if (!last || path.length !== segments.length) return false
  return (
    endingFits(last, path.at(-1) as string) &&
    segments.slice(0, -1).every((one, at) => segmentFits(one, path[at] as string))
  )
}

function endingFits({ before, after, free }: Segment, part: string): boolean {
  if (!part.startsWith(before)) return false
  return free ? part.includes(`${after}.`, before.length + 1) : before !== '' && part[before.length] === '.'
}

/**
 * Whether a path is below one of the pattern's that is a file, by its ending: CGI and PHP run `/admin.php` for `/admin.php/x`. What
 * a parameter stands for counts if it has the ending of a program.
 */
export function patternFitsAbove({ segments, open }: PathPattern, path: readonly string[]): boolean {
  const last = segments.at(-1)
  if (!last || open || path.length <= segments.length) return false
  const part = path[segments.length - 1] as string
  const isFile = fileName.test(last.free ? last.after : last.before) || (last.free && program.test(part))
  return isFile && segments.every((segment, at) => segmentFits(segment, path[at] as string))
}

const fileName = /\.[a-z][a-z0-9]*$/i
const program = /\.(?:php\d?|phtml|phar|f?cgi|p[ly]|rb|as[hmp]x?|aspx|jspx?|cf[cm]|do|action)$/i

/**
 * Which of two patterns says more of a path: below zero where all paths of the first one are of the other, zero where neither does, as of
 * `/{name}.pdf` and `/secret-{name}`, or `/public/*` and `/{tenant}/admin`.
 */
export function bySpecificity(one: PathPattern, other: PathPattern): number {
  return Number(isWithin(other, one)) - Number(isWithin(one, other))
}

/** `/files` counts as one of `/files/*`, since many read it so. */
function isWithin(one: PathPattern, other: PathPattern): boolean {
  const isLong = one.segments.length >= other.segments.length
  if (other.open ? !isLong : one.open || one.segments.length !== other.segments.length) return false
  return other.segments.every((segment, at) => isSegmentWithin(one.segments[at] as Segment, segment))
}

function isSegmentWithin(one: Segment, other: Segment): boolean {
  if (!one.free) return segmentFits(other, one.before)
  return other.free && one.before.startsWith(other.before) && one.after.endsWith(other.after)
}
