import { printable, terminalWidth } from './text.js'

/**
 * Renders rows as a table that is safe to print in a terminal. If the table is too wide, each row is printed as a block with one line per
 * column, so that nothing is truncated.
 */
export function renderTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map(onOneLine))
  const lines = columns([headings, ...shown])
  if (lines.every((line) => line.length <= terminalWidth)) return `${lines.join('\n')}\n`
  const blocks = shown.map((row) => columns(headings.map((heading, column) => [heading, row[column] ?? ''])))
  return `${blocks.map((block) => block.join('\n')).join('\n\n')}\n`
}

/** Makes text from others, such as a user's name at an identity provider, safe to print on one line. */
export function onOneLine(text: string): string {
  return printable(text).replaceAll(/[\n\t]/g, ' ')
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** Formats Unix seconds for humans: `2026-01-31 12:00:00Z`, or `-` if there is no time. */
export function formatTime(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return '-'
  return new Date(seconds * 1000).toISOString().replace('T', ' ').replace('.000Z', 'Z')
}
