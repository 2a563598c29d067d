/** Most values of one message: each takes memory, however short it is written. */
const mostValues = 1_000_000

const quote = 34
const backslash = 92
/** What a value begins with, or what stands between two: comma, bracket and brace. */
const marks: ReadonlySet<number> = new Set([44, 91, 123])

/** @throws RangeError for a text of JSON with more than a million values */
export function requireFewValues(text: string): void {
  // Too short to have them.
  if (text.length < mostValues) return
  let values = 0
  let isText = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (isText && code === backslash) at++
    else if (code === quote) isText = !isText
    else if (!isText && marks.has(code) && ++values > mostValues)
      throw new RangeError('the message has too many values')
  }
}
