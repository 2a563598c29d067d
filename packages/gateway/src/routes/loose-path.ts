import { fullyDecoded, nameOf } from './plain-path.js'

/**
 * The segments of a path as a lenient upstream reads them (G15): whatever the letters' case, the encoding, `;…` behind a segment,
 * dots and blanks at its end, and slashes at the end of the path.
 */
export function loosePath(segments: readonly string[]): readonly string[] {
  const read = segments.map(looseText)
  while (read.length > 1 && read.at(-1) === '') read.pop()
  return read
}

/** The same without an ending such as `.json`, which some frameworks take for the form of the answer; undefined where there is none. */
export function withoutEnding(loose: readonly string[]): readonly string[] | undefined {
  const last = loose.at(-1) ?? ''
  const bare = last.replace(/\.[a-z0-9]{1,8}$/, '')
  return bare === last || bare === '' ? undefined : [...loose.slice(0, -1), bare]
}

export function looseText(segment: string): string {
  return nameOf(fullyDecoded(segment))
    .replace(/[. ]+$/, '')
    .toUpperCase()
    .toLowerCase()
}
