const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cs}\p{Co}\p{Cn}\u2800]/gu
const CONTROL = /(?![\t-\r\u0085])\p{Cc}/gu
const STACKED_MARKS = /([\p{Mn}\p{Me}]{2})[\p{Mn}\p{Me}]+/gu
const ELLIPSIS = '…'
/** UTF-16 units of a text that are read: no line of a page is as long. */
const longestRead = 4000

/**
 * Makes a string of somebody else's fit to stand in a line of a page: one line of visible characters, in logical order.
 *
 * Strips control, bidirectional formatting, zero-width, blank-looking, private-use and unassigned characters and lone
 * surrogates, keeps at most two combining marks on a letter, and collapses white space. Does not escape for HTML and
 * does not judge what the text claims.
 *
 * @param maxLength - Code points that are kept, the ellipsis of a cut string included.
 * @returns The clean text, empty when nothing visible is left.
 */
export function cleanText(value: string, maxLength: number): string {
  const line = value
    .slice(0, longestRead)
    .normalize('NFC')
    .replace(INVISIBLE, '')
    .replace(CONTROL, '')
    .replace(STACKED_MARKS, '$1')
    .replace(/\s+/g, ' ')
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

// An apostrophe within a word is none.
const QUOTES = /(?!['’])[\p{Quotation_Mark}`´″‴ʺˮ״❛❜❝❞❟❠🙶🙷🙸]|(?<!\p{L})['’]|['’](?!\p{L})/gu

/**
 * Makes a name that somebody gave themselves fit to stand in quotation marks: as {@link cleanText}, and without
 * quotation marks of its own, with which it could seem to end and the page's words to begin.
 */
export function cleanName(value: string): string {
  return cleanText(cleanText(value, Number.POSITIVE_INFINITY).replace(QUOTES, ''), MAX_NAME)
}

/** Characters of a name. */
const MAX_NAME = 60

/**
 * Whether a host, with or without a port or path after it, has an `xn--` label: its letters may look like others (UTS 39).
 *
 * Does not decide whether they do.
 */
export function lookAlikeHost(host: string): boolean {
  const [authority = ''] = host.split(/[/?#]/)
  return /(?:^|\.)xn--/i.test(authority)
}
