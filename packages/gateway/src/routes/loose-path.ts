import type { PathPattern, Segment } from './path-pattern.js'
import { fullyDecoded, nameOf } from './plain-path.js'

/** A way in which lenient upstreams read a segment: with `;…` behind it and all that is in it, or its name alone. */
type Reading = (decoded: string) => string

const whole: Reading = (decoded) => decoded
const readings: readonly Reading[] = [nameOf, whole]

/**
 * The segments of a path as lenient upstreams read them (G15): whatever the letters' case, the encoding, `;…` behind a segment,
 * blanks at its ends, dots at its end, and slashes at the end of the path. One for each reading; one in all where they are equal.
 */
export function loosePaths(segments: readonly string[]): readonly (readonly string[])[] {
  const decoded = segments.map(fullyDecoded)
  const isPlain = !decoded.some((segment) => nameOf(segment) !== segment)
  return (isPlain ? [nameOf] : readings).map((reading) => {
    const read = decoded.map((segment) => fold(trimmed(reading(segment))))
    while (read.length > 1 && read.at(-1) === '') read.pop()
    return read
  })
}

/** A pattern as {@link loosePaths} reads paths, for each reading. */
export function loosePatterns({ segments, open }: PathPattern): readonly PathPattern[] {
  return readings.map((reading) => {
    const loose = segments.map((segment) => looseSegment(segment, reading))
    while (loose.length > 1 && loose.at(-1)?.before === '' && loose.at(-1)?.free === false) loose.pop()
    return { segments: loose, open }
  })
}

function looseSegment({ before, after, free }: Segment, reading: Reading): Segment {
  if (!free) return { before: fold(trimmed(reading(fullyDecoded(before)))), after: '', free }
  return { before: fold(fullyDecoded(before).trimStart()), after: fold(withoutDots(fullyDecoded(after))), free }
}

/** The same without an ending such as `.json`, which some frameworks take for the form of the answer; undefined where there is none. */
export function withoutEnding(loose: readonly string[]): readonly string[] | undefined {
  const last = loose.at(-1) ?? ''
  const bare = last.replace(/\.[a-z0-9]{1,8}$/, '')
  return bare === last || bare === '' ? undefined : [...loose.slice(0, -1), bare]
}

function trimmed(text: string): string {
  return withoutDots(text).trimStart()
}

function withoutDots(text: string): string {
  return text.replace(/(?<![.\s])[.\s]+$/, '')
}

/** Letters in one case: `İ` has two of its own, and the last `Σ` of a word, too. */
function fold(text: string): string {
  return text.toUpperCase().toLowerCase().replaceAll('i\u0307', 'i').replaceAll('ς', 'σ')
}
