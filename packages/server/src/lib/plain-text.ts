const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cs}\p{Co}\p{Cn}\u2800]/gu
const CONTROL = /(?![\t-\r\u0085])\p{Cc}/gu
// `\s` does not include the next line character, U+0085.
const WHITESPACE = /[\s\u0085]+/g
const STACKED_MARKS = /([\p{Mn}\p{Me}]{2})[\p{Mn}\p{Me}]+/gu
/** Text in which there is nothing to change: words of ASCII with single spaces between them. */
const PLAIN = /^[!-~]+(?: [!-~]+)*$/
const ELLIPSIS = '…'
/** The maximum length of a string that is read, in UTF-16 units. No line on a page is that long. */
const longestRead = 4000

/**
 * Makes an untrusted string safe to show within a line of a page: one line of visible characters, in logical order.
 *
 * Strips control, bidirectional formatting, zero-width, blank-looking, private-use and unassigned characters and lone surrogates, keeps at
 * most two combining marks per letter, and collapses whitespace. Does not escape for HTML and does not judge what the text claims.
 *
 * @param maxLength - Maximum number of code points, including the ellipsis of a truncated string.
 * @returns The clean text, empty if nothing visible is left.
 */
export function cleanText(value: string, maxLength: number): string {
  if (value.length <= Math.min(maxLength, longestRead) && PLAIN.test(value)) return value
  const line = value
    .slice(0, longestRead)
    .normalize('NFC')
    .replace(INVISIBLE, '')
    .replace(CONTROL, '')
    .replace(STACKED_MARKS, '$1')
    .replace(WHITESPACE, ' ')
    .trim()
  const characters = Array.from(line)
  if (characters.length <= maxLength) return line
  if (maxLength < 1) return ''
  return (
    characters
      .slice(0, maxLength - 1)
      .join('')
      .trimEnd() + ELLIPSIS
  )
}

// An apostrophe within a word is not a quotation mark.
const QUOTES = /(?!['’])[\p{Quotation_Mark}`´″‴ʺˮ״❛❜❝❞❟❠🙶🙷🙸]|(?<!\p{L})['’]|['’](?!\p{L})/gu

/**
 * Makes a self-chosen name safe to show in quotation marks. Like {@link cleanText}, but also removes the name's own quotation marks, which
 * could make it seem that the name ends and the page's text begins.
 */
export function cleanName(value: string): string {
  return cleanText(cleanText(value, Number.POSITIVE_INFINITY).replace(QUOTES, ''), MAX_NAME)
}

/** Makes a username safe to show within a line of a page. */
export function cleanUsername(username: string): string {
  return cleanText(username, MAX_NAME)
}

/** Maximum number of characters in a name. */
const MAX_NAME = 60

/**
 * Whether a host, with or without a port or path after it, has an `xn--` label, so that its letters may look like others (UTS 39).
 *
 * Does not determine whether they do.
 */
export function lookAlikeHost(host: string): boolean {
  return /^(?:[^/?#]*\.)?xn--/i.test(host)
}
