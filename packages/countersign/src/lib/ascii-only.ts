/** ASCII replacements for typographic characters. */
const plainSigns: readonly [signs: RegExp, plain: string][] = [
  [/["\u00ab\u00bb\u2018-\u201a\u201c-\u201e]/g, "'"],
  [/[\u2010-\u2014\u2212]/g, '-'],
  [/[\t\n\r\u00a0\u202f]/g, ' '],
  [/\u00a7/g, 'section '],
  [/\u00d7/g, 'x'],
  [/\u2026/g, '...'],
  [/\u2192/g, '->'],
  [/\u2264/g, '<='],
  [/\u2265/g, '>='],
]

/**
 * A text as `error_description` allows it (RFC 6749 §5.2): printable ASCII without the quote and the backslash. Other letters are written as
 * code points, because dropping them could turn one name into another.
 */
export function asciiOnly(text: string): string {
  let ascii = text
  for (const [signs, plain] of plainSigns) ascii = ascii.replaceAll(signs, plain)
  return ascii.replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/gu, (sign) => `u{${(sign.codePointAt(0) ?? 0).toString(16)}}`)
}
