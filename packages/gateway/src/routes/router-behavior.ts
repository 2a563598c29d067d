import {
  type FoldedPattern,
  foldedSegmentFits,
  isSegmentWithin,
  type PathPattern,
  type Segment,
  segmentFits,
} from './path-pattern.js'
import { decodeSegment } from './request-path.js'

/** Characters that a parameter matches in every router that we know. */
const plainText = String.raw`[\p{L}\p{M}\p{N}_~@=+ -]+`
const plainValue = new RegExp(`^${plainText}$`, 'u')
const valueWithExtension = new RegExp(`^${plainText}(?:\\.${plainText})?$`, 'u')

/**
 * Whether some router may not match a parameter of a path, and try wider routes instead. find-my-way does so if it is longer than 100
 * characters; Rails, if it contains a dot, except the one dot before the extension of a path; Symfony and chi, if it contains the character
 * that follows it in the pattern; aiohttp, if it contains a brace. Others have rules of their own, so anything but plain text is unusual.
 */
export function hasUnusualParameter({ segments, open }: PathPattern, path: readonly string[]): boolean {
  return segments.some(({ before, after, free }, at) => {
    if (!free) return false
    const value = (path[at] as string).slice(before.length, (path[at] as string).length - after.length)
    if (value.length > 100 || (after !== '' && value.includes(after[0] as string))) return true
    // The route permits these delimiters, or the path would have been refused.
    const text = decodeSegment(value.replaceAll(/%(?:2f|23|25)/gi, '_'))
    const isEnd = !open && at === segments.length - 1 && after === ''
    return !(isEnd ? valueWithExtension : plainValue).test(text)
  })
}

/**
 * Whether a path has the literal name of another pattern in a place where this pattern has a parameter. A router that does not backtrack,
 * such as h3 1, follows the other pattern and ends at a wider route.
 */
export function divergesTo({ segments }: PathPattern, other: PathPattern, path: readonly string[]): boolean {
  const isAt = (at: number) => {
    const segment = other.segments[at]
    return segments[at]?.free === true && segment?.free === false && segment.before === path[at]
  }
  const follows = other.segments.findIndex((segment, at) => !segmentFits(segment, path[at] ?? ''))
  return segments.some((_, at) => isAt(at) && (follows === -1 || at < follows))
}

/**
 * Whether a pattern with a literal first name matches a parent of a path, within the patterns that selected the path. Many servers run the
 * program at `/admin` for `/admin/x`: Apache with MultiViews, and any server that passes the rest of the path to a script.
 */
export function isParent(
  { segments, open }: FoldedPattern,
  names: readonly string[],
  selected: readonly { pattern: PathPattern }[] = [],
): boolean {
  const { length } = segments
  if (open || length >= names.length || segments[0]?.free !== false) return false
  if (selected.some(({ pattern }) => pattern.segments.length >= length)) return false
  return segments.every((segment, at) => foldedSegmentFits(segment, names[at] as string))
}

/**
 * Whether a path starts with a pattern that ends with a parameter, which Echo then runs for the whole path. That does not apply if a pattern
 * that selected the path continues this one, or if this pattern is only a parameter.
 */
export function takesRest(
  { segments, open }: FoldedPattern,
  names: readonly string[],
  selected: readonly FoldedPattern[],
): boolean {
  const [first] = segments
  const last = segments.at(-1)
  if (open || segments.length >= names.length || !last?.free || last.after !== '') return false
  if (first?.free && first.before === '') return false
  if (!segments.every((segment, at) => segmentFits(segment, names[at] as string))) return false
  return !selected.some((own) => segments.every((segment, at) => isSegmentOf(own.segments[at], segment)))
}

function isSegmentOf(own: Segment | undefined, segment: Segment): boolean {
  return own !== undefined && isSegmentWithin(own, segment)
}
