import { printable } from '../trace/printable.js'

/** Rows under headings, in columns; safe to show in a terminal. */
export function renderTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const shown = [headings, ...rows].map((row) => row.map((cell) => printable(cell).replaceAll(/[\n\t]/g, ' ')))
  const widths = headings.map((_, column) => Math.max(...shown.map((row) => row[column]?.length ?? 0)))
  const lines = shown.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}
