/** Columns that a terminal has at least. */
const width = 80

/**
 * A text over lines of at most 80 columns: the first starts with `lead`, the others are indented as far. A word that is
 * longer stays whole, so that it can be copied.
 */
export function wrapText(lead: string, text: string): string {
  const indent = ' '.repeat(lead.length)
  const lines: string[] = []
  let line = lead
  let empty = true
  for (const word of text.split(/ +/)) {
    if (!empty && line.length + 1 + word.length > width) {
      lines.push(line)
      line = indent
      empty = true
    }
    line += empty ? word : ` ${word}`
    empty = false
  }
  return [...lines, line].join('\n').trimEnd()
}
