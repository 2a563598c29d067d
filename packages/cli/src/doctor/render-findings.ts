import { printable } from '../text/printable.js'
import { wrapText } from '../text/wrap-text.js'
import type { Finding } from './finding.js'

/** A part of a deployment and what was found there. */
export interface Examination {
  /** An issuer, or the file of a configuration. */
  subject: string
  from: 'outside' | 'inside'
  findings: readonly Finding[]
}

const words: Readonly<Record<Finding['outcome'], string>> = {
  ok: 'ok',
  warning: 'WARNING',
  problem: 'PROBLEM',
  unknown: 'not checked',
}

/** What was found, for people, in 80 columns. */
export function renderFindings(examinations: readonly Examination[]): string {
  const parts = examinations.map(({ subject, from, findings }) =>
    [wrapText('', `${subject}, from ${from}`), '', ...findings.flatMap(findingLines)].map(printable).join('\n'),
  )
  return `${[...parts, summaryOf(examinations.flatMap(({ findings }) => findings))].join('\n\n')}\n`
}

function findingLines({ check, outcome, found, mend }: Finding): string[] {
  const lead = `  ${words[outcome].padEnd(13)}${check.padEnd(18)}`
  const lines = [wrapText(lead, found)]
  if (mend !== undefined) lines.push(wrapText(`${' '.repeat(lead.length)}Mend: `, mend))
  return lines
}

function summaryOf(findings: readonly Finding[]): string {
  const count = (outcome: Finding['outcome']) => findings.filter((finding) => finding.outcome === outcome).length
  const counted = (number: number, word: string) => `${number} ${word}${number === 1 ? '' : 's'}`
  return `${count('ok')} ok, ${counted(count('warning'), 'warning')}, ${counted(count('problem'), 'problem')}, ${count('unknown')} not checked.`
}
