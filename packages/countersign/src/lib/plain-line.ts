/**
 * A text of somebody else's as one line of visible characters, at most so many of them: without control, invisible and
 * direction characters. It is not escaped for HTML, and may say anything.
 */
export function plainLine(text: string, maxLength: number): string {
  const line = text
    // A character or two of each that is kept, and no more work for a text without end.
    .slice(0, maxLength * 8)
    .normalize('NFC')
    .replace(/\s+/g, ' ')
    .replace(/[\p{C}\p{Default_Ignorable_Code_Point}\u2800]/gu, '')
    .replace(/(\p{M}{2})\p{M}+/gu, '$1')
    .replace(/ +/g, ' ')
    .trim()
  const characters = Array.from(line)
  if (characters.length <= maxLength) return line
  return `${characters
    .slice(0, maxLength - 1)
    .join('')
    .trimEnd()}…`
}
