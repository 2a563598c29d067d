import { printable } from '../text/printable.js'
import { wrapText } from '../text/wrap-text.js'
import type { Inspection } from './inspection.js'

/** Said wherever something is decoded. */
export const onlyDecoded = 'Only decoded: no signature was looked at, anybody could have written this.'

/** An inspection for people. */
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
