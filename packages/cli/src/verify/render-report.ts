import type { ErrorCode } from 'countersign'
import { printable } from '../text/printable.js'
import { wrapText } from '../text/wrap-text.js'
import type { VerificationReport } from './verification-report.js'

const rule = '-'.repeat(80)

/** Why there is no base, where it is not that `Signature-Input` is malformed. */
const withoutBase: Partial<Record<ErrorCode, string>> = {
  request_malformed: 'the request could not be read.',
  signature_missing: 'the request has no Signature-Input.',
  signature_created_missing: 'Signature-Input has no created.',
}

/** A verification for people: the verdict, the steps, and the base exactly as it is signed. */
export function renderReport(report: VerificationReport): string {
  return [
    ...verdictLines(report),
    '',
    ...report.steps.map(({ step, outcome, text }, index) => {
      const lead = `${String(index + 1).padStart(2)}  ${step.padEnd(10)} ${outcome === 'failed' ? 'FAILED' : outcome}  `
      return outcome === 'not reached' ? lead.trimEnd() : printable(wrapText(lead, text ?? ''))
    }),
    '',
    ...baseLines(report),
    ...report.notes.map((note) => printable(wrapText('Note: ', note))),
    '',
  ]
    .join('\n')
    .replace(/\n+$/, '\n')
}

function verdictLines({ verdict, failure, signer }: VerificationReport): string[] {
  if (!failure) {
    const who = signer?.agent ?? `a key alone (scheme=${signer?.scheme}); it names no agent`
    return [
      wrapText('Verified. ', `Signed by ${who}.`),
      ...(signer?.token ? [wrapText('          ', describeToken(signer.token))] : []),
    ].map(printable)
  }
  const wire = `${failure.status} ${failure.error}`
  const header = failure.signature_error ? `, Signature-Error: error=${failure.signature_error}` : ''
  return [
    `${verdict === 'undecided' ? 'Undecided' : 'Refused'} at ${failure.step}: ${failure.code}`,
    wrapText('', failure.message),
    ...failure.reasons.map((reason) => wrapText('  because ', reason)),
    ...(failure.hint ? [wrapText('Hint: ', failure.hint)] : []),
    wrapText('A server answers: ', `${wire}${header}`),
  ].map(printable)
}

function describeToken({ kind, claims }: { kind: string; claims: object }): string {
  const { iss, sub, scope } = claims as Partial<Record<string, unknown>>
  const of = typeof sub === 'string' ? `, sub ${sub}` : ''
  return `With an ${kind} of ${String(iss)}${of}${typeof scope === 'string' ? `, scope ${scope}` : ''}.`
}

function baseLines({ base, missing, failure }: VerificationReport): string[] {
  if (base !== null) return [`Signature base (${base.length} bytes, no line feed at the end):`, rule, base, rule]
  if (missing.length > 0)
    return [wrapText('No signature base: ', `the request has no usable ${missing.join(', ')}.`)].map(printable)
  return [`No signature base: ${(failure && withoutBase[failure.code]) ?? 'Signature-Input could not be read.'}`]
}
