import type { NetworkOptions } from 'countersign/wire'
import { checkIdentifier } from '../../discover/check-identifier.js'
import { documentKinds } from '../../discover/document-kinds.js'
import type { Finding as Advice } from '../../discover/finding.js'
import { type CheckReport, checking, type Finding } from '../finding.js'

/** The server's document and its keys, as agents and resources read them. */
export async function checkDocuments(
  issuer: string,
  network: NetworkOptions,
  tell: (text: string) => void,
): Promise<{ findings: Finding[]; jwksUri: string | undefined }> {
  const kinds = documentKinds.filter(({ party }) => party === 'issuer')
  const { documents } = await checkIdentifier(issuer, { ...network, configuredOrigin: issuer }, tell, kinds)
  const [document] = documents
  const told = checking('document')
  if (!document || document.outcome === 'absent') {
    const found = `There is none at ${document?.url ?? issuer}.`
    const mend = 'Give the issuer as it stands in the configuration, and let the proxy pass all paths to the server.'
    return { findings: [told.problem(found, mend)], jwksUri: undefined }
  }
  const keySet = document.key_set
  const ofKeys = checking('keys')
  const usable = keySet?.keys.filter(({ outcome }) => outcome === 'ok').length ?? 0
  return {
    findings: [
      ...judge(told, document, `${document.url} is as it should be.`),
      ...(keySet ? judge(ofKeys, keySet, `${usable} at ${keySet.url}, each of which can be used.`) : []),
    ],
    jwksUri: keySet?.url,
  }
}

function judge(
  report: CheckReport,
  { outcome, findings }: { outcome: string; findings: readonly Advice[] },
  fine: string,
): Finding[] {
  const told = findings.map(({ level, what, mend }) => {
    const found = /[.…]$/.test(what) ? what : `${what}.`
    return level === 'error' ? report.problem(found, mend) : report.warning(found, mend)
  })
  return outcome === 'ok' && told.length === 0 ? [report.ok(fine)] : told
}
