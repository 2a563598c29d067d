import { exitStatus, usageError } from '../command/errors.js'
import type { Run } from '../terminal/terminal.js'
import { printable, wrapText } from '../terminal/text.js'
import { type Inspection, inspectValue, maxValue } from './inspect-value.js'

/** `countersign inspect <token|header>`: decodes a token or header value. Nothing is fetched, and nothing about its sender is verified. */
export const inspectCommand: Run = async ({ json }, terminal, subject) => {
  const text = subject === '-' ? Buffer.from(await terminal.readInput(maxValue)).toString('utf8') : subject
  if (text.trim() === '')
    throw usageError('There is nothing to inspect: pass a JWT, a header value, or a “Name: value” line.')
  const inspection = await inspectValue(text, Math.floor(Date.now() / 1000))
  terminal.write(
    json ? `${JSON.stringify({ ...inspection, note: onlyDecoded }, null, 2)}\n` : renderInspection(inspection),
  )
  return isRefused(inspection) ? exitStatus.refused : exitStatus.done
}

function isRefused({ refusal, inside }: Inspection): boolean {
  return refusal !== undefined || inside.some(isRefused)
}

/** Note printed with all decoded output. */
export const onlyDecoded = 'Decoded only: no signature was checked, so anyone could have written this.'

/** Renders an inspection for humans. */
export function renderInspection(inspection: Inspection): string {
  return `${[...blockLines(inspection), '', onlyDecoded].join('\n')}\n`
}

function blockLines({ kind, decoded, remarks, inside, refusal }: Inspection): string[] {
  const hasContent = Object.keys(decoded).length > 0
  return [
    printable(kind),
    ...(hasContent ? printable(JSON.stringify(decoded, null, 2)).split('\n') : []),
    ...remarks.map((remark) => printable(wrapText('- ', remark))),
    ...(refusal === undefined ? [] : [printable(wrapText('Refused: ', refusal))]),
    ...inside.flatMap((inner) => ['', ...blockLines(inner).map((line) => `  ${line.replaceAll('\n', '\n  ')}`)]),
  ]
}
