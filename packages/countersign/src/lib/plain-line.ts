/**
 * Untrusted text as one line of visible characters, without control, invisible and bidirectional characters, truncated to a maximum length.
 * The result is not escaped for HTML, and its content must still not be trusted.
 */
export function plainLine(text: string, maxLength: number): string {
  const line = text
    // Reads up to eight characters for each character that is kept, so that the work is bounded even for very long text.
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
