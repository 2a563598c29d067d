import type { DocumentType, NetworkOptions } from 'countersign/discovery'
import { checkIdentifier, type DocumentReport } from '../discover/check-identifier.js'
import { type Finding as DocumentFinding, sentence } from '../discover/findings.js'
import type { CommandEdition } from '../editions/command-edition.js'
import { januaryEdition } from '../editions/january.js'
import { counted } from '../terminal/text.js'
import { type CheckReport, checking, type Finding } from './finding.js'

export interface CheckedDocuments {
  findings: Finding[]
  /** The parties whose documents are published. */
  parties: readonly DocumentType['party'][]
  /** The paths of a document and its keys; undefined if the keys are missing, or at another origin. */
  paths: { document: string; keys: string } | undefined
}

/** Checks the server's document and keys as agents and resources see them. */
export async function checkDocuments(
  issuer: string,
  network: NetworkOptions,
  tell: (text: string) => void,
): Promise<CheckedDocuments> {
  const kinds = januaryEdition.documents.filter(({ type }) => type.party === 'authServer')
  const { documents } = await checkIdentifier(issuer, { ...network, configuredOrigin: issuer }, tell, kinds)
  const [document] = documents
  const report = checking('document')
  if (!document?.document) {
    const other = await checkOtherParty(issuer, network)
    if (other) return { findings: [report.problem(...other)], parties: [], paths: undefined }
  }
  if (!document || document.outcome === 'absent') {
    const found = `There is no document at ${document?.url ?? issuer}.`
    const fix =
      'Pass the issuer exactly as in the configuration, and configure the proxy to forward all paths to the server. To check an MCP server, pass its URL to --mcp.'
    return { findings: [report.problem(found, fix)], parties: [], paths: undefined }
  }
  const findings = [
    ...findingsOf(report, document, `${document.url} is valid.`),
    ...keyFindings(checking('keys'), document),
  ]
  return { findings, parties: ['authServer'], paths: pathsOf(issuer, document) }
}

/** Checks the documents and keys of every party of an edition that are published under an identifier. */
export async function checkPublished(
  identifier: string,
  { documents: kinds }: CommandEdition,
  network: NetworkOptions,
  tell: (text: string) => void,
): Promise<CheckedDocuments> {
  const { documents } = await checkIdentifier(identifier, { ...network, configuredOrigin: identifier }, tell, kinds)
  const [first, ...others] = documents.filter(({ outcome }) => outcome !== 'absent')
  if (!first) {
    const found = `None of these documents are published: ${documents.map(({ url }) => url).join(', ')}.`
    const fix =
      'Pass the identifier exactly as in the configuration, and configure the proxy to forward all paths under /.well-known/ to the server.'
    return { findings: [checking('document').problem(found, fix)], parties: [], paths: undefined }
  }
  // If nothing responds at the origin, each document would be reported with the same reason.
  const published = first.outcome === 'unreachable' ? [first] : [first, ...others]
  return {
    findings: published.flatMap((document) => [
      ...findingsOf(checking(`${document.party} document`), document, `${document.url} is valid.`),
      ...keyFindings(checking(`${document.party} keys`), document),
    ]),
    parties: published.flatMap(({ party }) => kinds.find((kind) => kind.party === party)?.type.party ?? []),
    paths: pathsOf(identifier, published.find(({ key_set }) => key_set) ?? first),
  }
}

function keyFindings(report: CheckReport, { key_set: keySet }: DocumentReport): Finding[] {
  if (!keySet) return []
  const usable = keySet.keys.filter(({ outcome }) => outcome === 'ok').length
  const verdict = usable === 1 ? 'which is usable' : 'all of them usable'
  return findingsOf(report, keySet, `${counted(usable, 'key')} at ${keySet.url}, ${verdict}.`)
}

/** Returns the paths of a document and its keys; undefined if the keys are missing, or at another origin. */
function pathsOf(identifier: string, { url, key_set: keySet }: DocumentReport): CheckedDocuments['paths'] {
  if (!keySet || new URL(keySet.url).origin !== new URL(identifier).origin) return undefined
  return { document: new URL(url).pathname, keys: new URL(keySet.url).pathname }
}

/** For an identifier that does not belong to an auth server: whether it belongs to an API or an agent, and what to do. */
async function checkOtherParty(
  identifier: string,
  network: NetworkOptions,
): Promise<[found: string, fix: string] | undefined> {
  const kinds = januaryEdition.documents.filter(({ type }) => type.party !== 'authServer')
  const { documents } = await checkIdentifier(identifier, network, () => undefined, kinds)
  const other = documents.find(({ document }) => document !== null)
  if (!other) return undefined
  const what = other.party === 'resource' ? 'an API' : 'an agent'
  return [
    `This is ${what}, not an auth server: its document is at ${other.url}.`,
    `Pass the URL of the auth server. To check ${what}, run countersign discover ${identifier}.`,
  ]
}

/** Returns the findings about a document or its keys as those of a check, or the text `fine` if it is accepted without any. */
function findingsOf(
  report: CheckReport,
  { outcome, findings: found }: { outcome: string; findings: readonly DocumentFinding[] },
  fine: string,
): Finding[] {
  const findings = found.map(({ level, what, fix }) =>
    level === 'error' ? report.problem(sentence(what), fix) : report.warning(sentence(what), fix),
  )
  return outcome === 'ok' && findings.length === 0 ? [report.ok(fine)] : findings
}
