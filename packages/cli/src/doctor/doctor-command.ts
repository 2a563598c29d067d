import type { NetworkOptions } from 'countersign/discovery'
import { errorReason, exitStatus, usageError } from '../command/errors.js'
import { requirePackage } from '../command/require-package.js'
import { type NetworkFlags, readNetworkFlags, requireIdentifierFlag } from '../flags/network-flags.js'
import type { Run } from '../terminal/terminal.js'
import { printable, wrapText } from '../terminal/text.js'
import {
  checkAdmin,
  checkCaching,
  checkClock,
  checkDocuments,
  checkHeaderSizes,
  checkLinks,
  checkPages,
  checkRedirect,
  checkTargets,
} from './check-answers.js'
import { checkCertificate } from './check-certificate.js'
import { checking, type Finding } from './finding.js'

interface DoctorFlags extends Pick<NetworkFlags, 'allowNetwork'> {
  config?: string
  backups?: string
  json?: true
}

/** `countersign doctor`: what is wrong with a deployment, and how to mend it. */
export const doctorCommand: Run<DoctorFlags> = async (flags, terminal, subject) => {
  const { config, backups } = flags
  if (subject === '' && config === undefined)
    throw usageError('Say what to check: the URL of an auth server, --config <file> on its machine, or both.')
  if (backups !== undefined && config === undefined) throw usageError('--backups needs --config.')
  const examinations: Examination[] = []
  if (subject !== '') {
    const issuer = requireIdentifierFlag('It', subject, 'allowed')
    const isInside = config !== undefined
    const findings = await examineOutside(issuer, { network: readNetworkFlags(flags), isInside, tell: terminal.notify })
    examinations.push({ subject: issuer, from: 'outside', findings })
  }
  if (config !== undefined) {
    requirePackage('countersign-server')
    const { examineInside } = await import('./examine-inside.js')
    const findings = await examineInside({ config, backups, env: terminal.env })
    examinations.push({ subject: config, from: 'inside', findings })
  }
  const shown = () => renderFindings(examinations)
  terminal.write(flags.json ? `${JSON.stringify(examinations, null, 2)}\n` : shown())
  const isIll = examinations.some(({ findings }) => findings.some(({ outcome }) => outcome === 'problem'))
  return isIll ? exitStatus.refused : exitStatus.done
}

export interface Outside {
  network: NetworkOptions
  /** Whether the machine that it runs on is looked at too. */
  isInside: boolean
  tell: (text: string) => void
}

/**
 * Looks at an auth server as its agents, resources and people reach it. Nothing is sent but GET requests. Whatever is
 * answered, it ends within half a minute: one request or handshake takes five seconds at most, and there are five in a row.
 */
export async function examineOutside(identifier: string, { network, isInside, tell }: Outside): Promise<Finding[]> {
  const issuer = new URL(identifier)
  const { finding, isTrusted } = await checkCertificate(issuer)
  if (!isTrusted) {
    const rest = checking('everything else')
    return [finding, rest.unknown('Nothing is believed that comes over such a connection.')]
  }
  const { findings, jwksUri } = await checkDocuments(identifier, network, tell)
  const begun = [finding, await checkRedirect(issuer), ...findings]
  if (jwksUri === undefined || new URL(jwksUri).origin !== issuer.origin) {
    const rest = checking('everything else')
    return [...begun, rest.unknown('It is about the server that has the keys at this origin, and none is here.')]
  }
  const jwksPath = new URL(jwksUri).pathname
  const checks: Readonly<Record<string, () => Promise<Finding | Finding[]>>> = {
    caching: () => checkCaching(issuer, jwksPath),
    pages: () => checkPages(issuer),
    links: () => checkLinks(issuer),
    paths: () => checkTargets(issuer, jwksPath),
    'header sizes': () => checkHeaderSizes(issuer, jwksPath),
    'admin port': () => checkAdmin(issuer),
    clock: () => checkClock(issuer),
  }
  const answered = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      try {
        return await check()
      } catch (error) {
        return checking(name).problem(`It was not answered: ${errorReason(error)}.`, mendUnanswered)
      }
    }),
  )
  return [...begun, ...answered.flat(), ...(isInside ? [] : [clientAddress])]
}

const mendUnanswered =
  'Look into the logs of the proxy and of the server, and let the proxy answer whatever the server answers, whole and within a few seconds.'

const clientAddress = checking('client addresses').unknown(
  'Whose address the server counts cannot be seen from here.',
  'Run countersign doctor --config <file> on its machine, and look for proxy.not_trusted in its log.',
)

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
