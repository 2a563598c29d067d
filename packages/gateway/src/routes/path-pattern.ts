import { interpretations, type Names } from './interpretations.js'
import { decodeSegment, type End, foldName, foldNames, type Kept, parsePath, withoutEnding } from './request-path.js'

/** A parsed path pattern. */
export interface PathPattern {
  segments: readonly Segment[]
  /** Whether further segments may follow. */
  open: boolean
}

/** A segment: either literal, or with one parameter between two literal parts. */
export interface Segment {
  before: string
  after: string
  /** Whether the segment has a parameter. */
  free: boolean
}

/** Literal parts of paths as they are sent: encoded, in their only possible spelling. */
const literal = /^[A-Za-z0-9\-._~!$&'()+,=:@%]*$/

export function pathPatternProblem(path: unknown): string | undefined {
  if (typeof path !== 'string' || !path.startsWith('/')) return 'must be a path that starts with /'
  const parts = path.slice(1).split('/')
  for (const [at, part] of parts.entries()) {
    const last = at === parts.length - 1
    if (part === '' && !last) return 'has an empty segment, but requests with // are refused'
    if (part === '*' && last) continue
    if (part.includes('*')) return 'can only have * as its last segment: /files/*'
    if (/[[\]|]/.test(part))
      return 'has [, ] or |: paths are not regular expressions, and a parameter must be written as {id}'
    if (/^:\w/.test(part)) return `has ${part}: a parameter must be written as {${part.slice(1)}}`
    const parameters = part.match(/\{[^{}]*\}/g) ?? []
    const rest = part.replaceAll(/\{[^{}]*\}/g, '')
    if (parameters.length > 1) return 'has two parameters in one segment'
    if (!literal.test(rest)) return `has an invalid segment: ${part}`
  }
  const parsed = parsePath(path.replaceAll(/\{[^{}]*\}/g, 'x'))
  if (typeof parsed === 'string') return `has ${parsed}, but requests with such a path are refused`
  return parsed.encoded && 'has an encoded delimiter: only a parameter can match one'
}

export function parsePathPattern(path: string): PathPattern {
  const parts = path.slice(1).split('/')
  const open = parts.at(-1) === '*'
  return { open, segments: (open ? parts.slice(0, -1) : parts).map(parseSegment) }
}

function parseSegment(part: string): Segment {
  const [, before = part, parameter, after = ''] = /^([^{]*)(\{[^{}]*\})(.*)/.exec(part) ?? []
  return { before, after, free: parameter !== undefined }
}

/** Patterns that match the same paths have the same shape, regardless of what their parameters are called. */
export function shapeOf({ segments, open }: PathPattern): string {
  const parts = segments.map(({ before, after, free }) => (free ? `${before}{}${after}` : before))
  return [...parts, ...(open ? ['*'] : [])].join('/')
}

/** Whether a path, given as segments, matches a pattern. */
export function patternFits({ segments, open }: PathPattern, path: readonly string[]): boolean {
  if (open ? path.length <= segments.length : path.length !== segments.length) return false
  return segments.every((segment, at) => segmentFits(segment, path[at] as string))
}

/** Whether a segment of a path matches a segment of a pattern. */
export function segmentFits({ before, after, free }: Segment, part: string): boolean {
  if (!free) return part === before
  return part.length > before.length + after.length && part.startsWith(before) && part.endsWith(after)
}

/**
 * Whether all paths that match one pattern also match the other. `/files` counts as a path of `/files/*`, because many servers treat it
 * that way.
 */
export function isWithin(one: PathPattern, other: PathPattern): boolean {
  const isLong = one.segments.length >= other.segments.length
  if (other.open ? !isLong : one.open || one.segments.length !== other.segments.length) return false
  return other.segments.every((segment, at) => isSegmentWithin(one.segments[at] as Segment, segment))
}

/** Whether all names that match one segment also match another, folded one. */
export function isSegmentWithin(one: Segment, other: Segment): boolean {
  if (!one.free) return foldedSegmentFits(other, one.before)
  return other.free && one.before.startsWith(other.before) && one.after.endsWith(other.after)
}

/** Whether any path matches both patterns. `/files` counts as a path of `/files/*`. */
export function isOverlapping(one: PathPattern, other: PathPattern): boolean {
  const [longer, shorter] = one.segments.length < other.segments.length ? [other, one] : [one, other]
  if (!shorter.open && longer.segments.length > shorter.segments.length) return false
  return shorter.segments.every((segment, at) => isSegmentShared(segment, longer.segments[at] as Segment))
}

/**
 * Whether a parameter of a pattern can be a name that starts with the last literal name of an open pattern. Routers that mount by text
 * prefix, such as h3 1 and nginx, run `/admin` for `/adminx`.
 */
export function sharesPrefix({ segments }: PathPattern, other: PathPattern): boolean {
  const last = other.segments.length - 1
  const name = other.segments[last]
  const own = segments[last]
  if (!other.open || !name || name.free || name.before === '' || !own?.free) return false
  if (!own.before.startsWith(name.before) && !name.before.startsWith(own.before)) return false
  return other.segments.slice(0, last).every((segment, at) => isSegmentShared(segment, segments[at] as Segment))
}

function isSegmentShared(one: Segment, other: Segment): boolean {
  if (!one.free) return foldedSegmentFits(other, one.before)
  if (!other.free) return foldedSegmentFits(one, other.before)
  const starts = one.before.startsWith(other.before) || other.before.startsWith(one.before)
  return starts && (one.after.endsWith(other.after) || other.after.endsWith(one.after))
}

/** Whether the first pattern matches only paths of the second pattern, but not all of them. */
export function isNarrower(one: PathPattern, other: PathPattern): boolean {
  return isWithin(one, other) && !isWithin(other, one)
}

/** Represents a parameter within a name. No path that the grammar accepts contains it. */
const parameter = '\0'

/**
 * A pattern in folded form. An open pattern has a second form, for its parent path: `/files` for `/files/*`. In that case, its last name
 * may also have an extension before further names, because connect runs handlers mounted at `/files` for `/files.x/y`.
 */
export interface FoldedPattern extends PathPattern {
  base: PathPattern | undefined
}

/** Whether folding drops nothing from the end of a pattern. */
export function hasPlainEnd({ segments, open }: PathPattern): boolean {
  const last = segments.at(-1)
  return open || !last || last.free || !/^(?:(?:index|default)(?:\.|$)|$)/.test(foldName(decodeSegment(last.before)))
}

/** Folds the names in a pattern, leaving its parameters in place. */
export function foldPattern(pattern: PathPattern, kept: Kept, dropped?: End): FoldedPattern {
  return folded({ names: namesOf(pattern), open: pattern.open }, kept, dropped)
}

/** Returns a folded pattern for each way in which servers may interpret the paths of a pattern. */
export function patternInterpretations(pattern: PathPattern, kept: Kept): FoldedPattern[] {
  const path = { decoded: namesOf(pattern), encoded: undefined, hasParameters: false }
  return interpretations(path, pattern.open).map((names) => folded(names, kept))
}

/** A path before folding, used for names that some servers treat as equal but that the table distinguishes by having routes for both. */
export interface ReadPath {
  /**
   * The patterns that selected the path. A name that all of them contain is not a variant of another name, such as `/v1.1` beside `/v1`.
   */
  own: readonly PathPattern[]
  /** The last name, folded together with its extension. */
  last: string
}

/**
 * Whether folded names match a folded pattern.
 *
 * @param read the path of a request, unless the pattern's row distinguishes extensions
 */
export function foldedFits(
  { segments, open, base }: FoldedPattern,
  names: readonly string[],
  read?: ReadPath,
): boolean {
  const fits = open ? names.length >= segments.length : names.length === segments.length
  const mounted = base ? segments.length - 1 : -1
  const isFitting = (segment: Segment, at: number) => {
    const name = names[at] as string
    if (foldedSegmentFits(segment, name)) return true
    const whole = at === names.length - 1 && read ? read.last : name
    if (segment.free && whole !== name && foldedSegmentFits(segment, whole)) return true
    const isOther = (at === mounted && hasEnding(segment, name)) || (read && isPunctuated(segment, whole))
    return isOther === true && !isNamed(read?.own ?? [], at, name)
  }
  if (fits && segments.every(isFitting)) return true
  return base !== undefined && foldedFits({ ...base, base: undefined }, names, read)
}

function isNamed(patterns: readonly PathPattern[], at: number, name: string): boolean {
  return patterns.length > 0 && patterns.every(({ segments }) => !segments[at]?.free && segments[at]?.before === name)
}

/** Whether a name differs from a literal name only in punctuation, which CherryPy treats as `_`. */
function isPunctuated({ before, free }: Segment, name: string): boolean {
  if (free || name.length !== before.length) return false
  for (let at = 0; at < name.length; at++)
    if (name[at] !== before[at] && !(isPunctuation(name[at]) && isPunctuation(before[at]))) return false
  return true
}

function isPunctuation(character = ''): boolean {
  return /[ -/:-@[-`{-~]/.test(character)
}

/**
 * Like {@link segmentFits}, in folded form. A parameter may be empty, as in Fastify and h3. find-my-way then ignores the rest of the segment.
 */
export function foldedSegmentFits(segment: Segment, name: string): boolean {
  const { before, after, free } = segment
  return segmentFits(segment, name) || (free && (name === before || name === before + after))
}

/** Whether a name, or its start, matches a segment followed by an extension. */
function hasEnding(segment: Segment, name: string): boolean {
  if (segment.free) return name.includes('.', 1) && foldedSegmentFits(segment, withoutEnding(name))
  return segment.before !== '' && name.startsWith(`${segment.before}.`)
}

/** Whether all paths that match a folded pattern also match another one. */
export function isFoldedWithin(one: FoldedPattern, other: FoldedPattern): boolean {
  const { segments, base } = other
  if (isWithin(one, other)) return true
  if (base === undefined) return false
  const mounted = segments.length - 1
  const name = one.segments[mounted]
  const end = segments[mounted] as Segment
  if (
    name?.free &&
    hasEnding(end, name.before) &&
    isWithin({ ...one, segments: one.segments.with(mounted, end) }, other)
  )
    return true
  return isWithin(one, base)
}

function namesOf({ segments }: PathPattern): string[] {
  return segments.map(({ before, after, free }) =>
    free ? `${decodeSegment(before)}${parameter}${decodeSegment(after)}` : decodeSegment(before),
  )
}

function folded({ names, open }: Names, kept: Kept, dropped?: End): FoldedPattern {
  // The last name of an open pattern is the last name of the parent path, not of the paths below it.
  const own = open ? names.map((name) => foldName(name, kept)) : foldNames(names, kept, dropped)
  const last = own.at(-1)
  const isBased = open && last !== undefined && !kept.endings
  const base = isBased ? { segments: own.with(-1, withoutEnding(last)).map(segmentOf), open: false } : undefined
  return { segments: own.map(segmentOf), open, base }
}

function segmentOf(name: string): Segment {
  const [before, after] = name.split(parameter) as [string, string?]
  return { before, after: after ?? '', free: after !== undefined }
}
