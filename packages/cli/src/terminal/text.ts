/**
 * Characters that terminals interpret instead of displaying: controls except tab and line feed, bidirectional and joining controls, and
 * line separators.
 */
const acted = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/**
 * Makes text safe to print in a terminal. Untrusted text may contain sequences that move the cursor or reverse words. Escapes characters as
 * JSON does, so that JSON stays valid and keeps its meaning.
 */
export function printable(text: string): string {
  return text.replace(acted, (character) => character.split('').map(escapeUnit).join(''))
}

/** Escapes a UTF-16 code unit as in JSON. */
function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Minimum width of a terminal, in columns. */
export const terminalWidth = 80

/**
 * Wraps text to lines of up to 80 columns. The first line starts with `lead`; the other lines are indented by its length, or by `columns`.
 * Longer words are not broken, so that they can be copied. `end` is written at the end of each line except the last.
 */
export function wrapText(
  lead: string,
  text: string,
  { columns = lead.length, end = '' }: { columns?: number; end?: string } = {},
): string {
  const indent = ' '.repeat(columns)
  const lines: string[] = []
  let line = lead
  let empty = true
  for (const word of text.split(/ +/)) {
    if (!empty && line.length + 1 + word.length + end.length > terminalWidth) {
      lines.push(line + end)
      line = indent
      empty = true
    }
    line += empty ? word : ` ${word}`
    empty = false
  }
  return [...lines, line].join('\n').trimEnd()
}

/** Where a long line may be broken after the last of these characters. */
const breaks = /[\s;&,/?]/

/**
 * Breaks a line into lines of up to this many columns, also inside of long words. The other lines are indented by four more columns, behind the
 * quotation mark that starts the first line, if any.
 */
export function breakLine(line: string, columns: number = terminalWidth): string {
  const [quoted = ''] = /^ *\| *|/.exec(line) ?? []
  const lines: string[] = []
  let rest = line
  while (rest.length > columns) {
    const at = lastBreak(rest, columns)
    lines.push(rest.slice(0, at).trimEnd())
    rest = `${quoted}    ${rest.slice(at).trimStart()}`
  }
  return [...lines, rest].join('\n')
}

/** Not in the first half, where a break would leave a short line. */
function lastBreak(text: string, columns: number): number {
  for (let at = columns; at > columns / 2; at--) if (breaks.test(text[at - 1] ?? '')) return at
  return columns
}

/** Converts a header name to title case: `Content-Type`, `AAuth-Requirement`. */
export function titleCase(name: string): string {
  return name.replaceAll(/(?:^|-)[a-z]/g, (start) => start.toUpperCase()).replace(/^Aauth-/, 'AAuth-')
}

/** Quotes a string as a single word for POSIX shells. */
export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** Escape sequences that emphasize a title in a terminal. */
export const emphasis = { on: '\u001b[1m', off: '\u001b[0m' } as const

/** Returns a count with a noun: `1 route`, `2 routes`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** Formats Unix seconds in the local time zone: `2026-01-31 12:00 UTC+01:00`. */
export function localTime(seconds: number): string {
  const date = new Date(seconds * 1000)
  const pad = (value: number) => String(value).padStart(2, '0')
  const day = [date.getFullYear(), pad(date.getMonth() + 1), pad(date.getDate())].join('-')
  const offset = -date.getTimezoneOffset()
  const away = Math.abs(offset)
  const zone = offset === 0 ? '' : `${offset > 0 ? '+' : '-'}${pad(Math.floor(away / 60))}:${pad(away % 60)}`
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())} UTC${zone}`
}
