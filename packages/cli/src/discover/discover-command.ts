import { exitStatus, usageError } from '../command/errors.js'
import { type EditionName, editionNames, loadEdition } from '../editions/load-edition.js'
import { type NetworkFlags, readNetworkFlags, requireIdentifierFlag } from '../flags/network-flags.js'
import type { Run } from '../terminal/terminal.js'
import { printable, wrapText } from '../terminal/text.js'
import { checkIdentifier, type DocumentReport, type IdentifierReport } from './check-identifier.js'
import { type Finding, sentence } from './findings.js'

interface DiscoverFlags extends NetworkFlags {
  edition?: EditionName
  json?: true
}

const statuses = { ok: exitStatus.done, refused: exitStatus.refused, unreachable: exitStatus.network } as const

/** `countersign discover <identifier>`: shows what is published under an identifier, the problems in it, and how to fix them. */
export const discoverCommand: Run<DiscoverFlags> = async (flags, terminal, subject) => {
  const [origin, document] = subject.split('/.well-known/')
  if (document !== undefined) throw usageError(`Pass the identifier, ${origin}, instead of the URL of a document.`)
  const identifier = requireIdentifierFlag('The argument', subject, 'allowed')
  const edition = await loadEdition(flags.edition)
  const problem = edition.identifierProblem(identifier)
  if (problem !== undefined) throw usageError(`${identifier} is not valid: ${problem}.`)
  const report = await checkIdentifier(identifier, readNetworkFlags(flags), terminal.notify, edition.documents)
  terminal.write(flags.json ? `${JSON.stringify(report, null, 2)}\n` : renderIdentifierReport(report))
  if (isEmpty(report))
    for (const other of editionNames.filter((each) => each !== (flags.edition ?? editionNames[0])))
      terminal.notify(
        `To check the documents of another edition: countersign discover ${identifier} --edition ${other}`,
      )
  return statuses[report.outcome]
}

const verdicts: Readonly<Record<IdentifierReport['outcome'], string>> = {
  ok: 'Everything published here is valid.',
  refused: 'Peers refuse part of what is published here.',
  unreachable: 'Not everything could be fetched.',
}

function isEmpty({ documents }: Pick<IdentifierReport, 'documents'>): boolean {
  return documents.every((document) => document.outcome === 'absent')
}

/** Renders what is published under an identifier, for humans. */
export function renderIdentifierReport({ identifier, outcome, documents }: IdentifierReport): string {
  const verdict = isEmpty({ documents }) ? 'None of these documents are published here.' : verdicts[outcome]
  const said = new Set<string>()
  return `${[identifier, ...documents.flatMap((document) => documentLines(document, said)), '', verdict].join('\n')}\n`
}

/** `said` contains the findings that have already been printed, so that the same finding is not repeated for an unreachable host. */
function documentLines(
  { party, url, outcome, findings, document, key_set }: DocumentReport,
  said: Set<string>,
): string[] {
  const lines = ['', printable(wrapText(`${party.padEnd(9)} ${outcome.padEnd(12)}`, url))]
  if (document) {
    const { name } = document as { name?: unknown }
    if (typeof name === 'string') lines.push(printable(wrapText('  name ', `“${name}”`)))
  }
  lines.push(...findings.flatMap((finding) => findingLines(finding, { outcome, url }, said)))
  if (key_set) {
    lines.push(printable(wrapText(`  keys    ${key_set.outcome.padEnd(12)}`, key_set.url)))
    for (const { kid, algorithm, thumbprint, outcome: usable } of key_set.keys) {
      const text = usable === 'ok' ? `${algorithm} ${thumbprint}` : 'refused'
      lines.push(printable(wrapText('    ', `${kid ?? '(no kid)'} ${text}`)))
    }
    lines.push(...key_set.findings.flatMap((finding) => findingLines(finding, key_set, said)))
  }
  return lines
}

function findingLines(
  { level, what, fix }: Finding,
  { outcome, url }: { outcome: string; url: string },
  said: Set<string>,
): string[] {
  const lead = level === 'advice' ? '  Advice: ' : outcome === 'unreachable' ? '  Why: ' : '  Refused: '
  const text = `${what.replace(url, '')} ${fix}`
  if (outcome === 'unreachable' && said.has(text)) return [`${lead}see above.`]
  said.add(text)
  return [wrapText(lead, sentence(what)), wrapText('  Fix: ', fix)].map(printable)
}
