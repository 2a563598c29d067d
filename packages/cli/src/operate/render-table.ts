import { printable } from '../text/printable.js'

/** Columns that a terminal has at least. */
const width = 80

/**
 * Rows under headings, in columns; safe to show in a terminal. What is too wide for one is shown row after row, a line for
 * each column, so that nothing is cut.
 */
export function renderTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map((cell) => printable(cell).replaceAll(/[\n\t]/g, ' ')))
  const lines = columns([headings, ...shown])
  if (lines.every((line) => line.length <= width)) return `${lines.join('\n')}\n`
  const blocks = shown.map((row) => columns(headings.map((heading, column) => [heading, row[column] ?? ''])))
  return `${blocks.map((block) => block.join('\n')).join('\n\n')}\n`
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

/** Unix seconds for a person: `2026-01-31 12:00:00Z`; nothing as `-`. */
export function formatTime(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return '-'
  return new Date(seconds * 1000).toISOString().replace('T', ' ').replace('.000Z', 'Z')
}
