/** What a terminal acts on instead of showing it: controls but tab and line feed, what turns text around or joins it unseen, separators of lines. */
const acted = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/**
 * A text that is safe to show in a terminal: what a stranger sent may hold sequences that move the cursor, or turn words
 * around. What is escaped is escaped as in JSON, so that JSON stays JSON and means the same.
 */
export function printable(text: string): string {
  return text.replace(acted, (character) => character.split('').map(escapeUnit).join(''))
}

/** A UTF-16 code unit as JSON escapes it. */
function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}

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

/** A header name as programs write it: `Content-Type`. */
export function titleCase(name: string): string {
  return name.replaceAll(/(?:^|-)[a-z]/g, (start) => start.toUpperCase())
}

/** A text as one word for POSIX shells. */
export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** What makes a title stand out in a terminal. */
export const emphasis = { on: '\u001b[1m', off: '\u001b[0m' } as const
