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
const literal = /^[A-Za-z0-9\-._~!$&'()+,=:@%[\]|]*$/

export function pathPatternProblem(path: unknown): string | undefined {
  if (typeof path !== 'string' || !path.startsWith('/')) return 'must be a path that begins with /'
  const parts = path.slice(1).split('/')
  for (const [at, part] of parts.entries()) {
    const last = at === parts.length - 1
    if (part === '' && !last) return 'has an empty segment, and no request with // is passed on'
    if (part === '*' && last) continue
    if (part.includes('*')) return 'may have * as its last segment only: /files/*'
    if (/^(?:\.|%2e){1,2}$/i.test(part)) return 'has a dot segment, and no request with one is passed on'
    const parameters = part.match(/\{[^{}]*\}/g) ?? []
    const rest = part.replaceAll(/\{[^{}]*\}/g, '')
    if (parameters.length > 1) return 'has two parameters in one segment'
    if (!literal.test(rest)) return `has a segment that no path has: ${part}`
  }
  return undefined
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

/** Whether a path, as its segments, is one of the pattern's. */
export function patternFits({ segments, open }: PathPattern, path: readonly string[]): boolean {
  if (open ? path.length <= segments.length : path.length !== segments.length) return false
  return segments.every((segment, at) => segmentFits(segment, path[at] ?? ''))
}

function segmentFits({ before, after, free }: Segment, part: string): boolean {
  if (!free) return part === before
  return part.length > before.length + after.length && part.startsWith(before) && part.endsWith(after)
}

/** Which of two patterns says more of a path, as the order of a sort: the one that does comes first. */
export function bySpecificity(one: PathPattern, other: PathPattern): number {
  const length = Math.max(one.segments.length, other.segments.length) + 1
  for (let at = 0; at < length; at++) {
    const difference = weightAt(other, at) - weightAt(one, at)
    if (difference !== 0) return difference
  }
  return 0
}

function weightAt({ segments, open }: PathPattern, at: number): number {
  const segment = segments[at]
  if (!segment) return open ? 0 : 1
  if (!segment.free) return 1000
  return 2 + Math.min(900, segment.before.length + segment.after.length)
}
