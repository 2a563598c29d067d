import { isLoopbackIdentifier, type NetworkOptions } from 'countersign/discovery'
import { errorReason, exitStatus, usageError } from '../command/errors.js'
import { requirePackage } from '../command/require-package.js'
import type { CommandEdition } from '../editions/command-edition.js'
import { type EditionName, loadEdition } from '../editions/load-edition.js'
import { type NetworkFlags, readNetworkFlags, requireIdentifierFlag } from '../flags/network-flags.js'
import { withProgress } from '../terminal/progress.js'
import type { Run } from '../terminal/terminal.js'
import { printable, wrapText } from '../terminal/text.js'
import {
  checkAdmin,
  checkCaching,
  checkClock,
  checkHeaderSizes,
  checkLinks,
  checkPages,
  checkRedirect,
  checkTargets,
} from './check-answers.js'
import { checkCertificate } from './check-certificate.js'
import { checkDocuments, checkPublished } from './check-documents.js'
import { checking, type Finding } from './finding.js'

interface DoctorFlags extends Pick<NetworkFlags, 'allowNetwork'> {
  edition?: EditionName
  mcp?: string
  config?: string
  backups?: string
  json?: true
}

/** `countersign doctor`: shows what is wrong with a deployment, and how to fix it. */
export const doctorCommand: Run<DoctorFlags> = async (flags, terminal, subject) => {
  const { mcp, config, backups } = flags
  if (subject === '' && mcp === undefined && config === undefined)
    throw usageError(
      'Specify what to check: the URL of an auth server, --config <file> on its machine, or --mcp <url> for an MCP server.',
    )
  if (backups !== undefined && config === undefined) throw usageError('--backups needs --config.')
  if (flags.edition !== undefined && subject === '') throw usageError('--edition needs the URL of what to check.')
  if (mcp !== undefined) requireMcpUrl(mcp)
  const examinations: Examination[] = []
  if (subject !== '') {
    const edition = flags.edition === undefined ? undefined : await loadEdition(flags.edition)
    const issuer = requireIssuer(subject, edition)
    const isInside = config !== undefined
    const outside = { network: readNetworkFlags(flags), isInside, edition, tell: terminal.notify }
    const findings = await withProgress(terminal, `Checking ${issuer}`, () => examineOutside(issuer, outside))
    examinations.push({ subject: issuer, from: 'outside', findings })
  }
  if (mcp !== undefined) {
    const { examineMcpServer } = await import('./check-mcp-server.js')
    const findings = await withProgress(terminal, `Checking ${mcp}`, () => examineMcpServer(mcp))
    examinations.push({ subject: mcp, from: 'outside', findings })
  }
  if (config !== undefined) {
    requirePackage('countersign-server')
    const { examineInside } = await import('./examine-inside.js')
    const inside = () => examineInside({ config, backups, env: terminal.env })
    const findings = await withProgress(terminal, 'Checking this machine', inside)
    examinations.push({ subject: config, from: 'inside', findings })
  }
  const shown = () => renderFindings(examinations)
  terminal.write(flags.json ? `${JSON.stringify(examinations, null, 2)}\n` : shown())
  const isIll = examinations.some(({ findings }) => findings.some(({ outcome }) => outcome === 'problem'))
  return isIll ? exitStatus.refused : exitStatus.done
}

/** On this machine, the identifier of an auth server has no path, but the URL of an MCP server usually has one. */
function requireIssuer(text: string, edition: CommandEdition | undefined): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && url.pathname !== '/' && isLoopbackIdentifier(url.origin))
    throw usageError(`${text} is not the URL of an auth server. To check an MCP server, use --mcp ${text}.`)
  const identifier = requireIdentifierFlag('The URL', text, 'allowed')
  const problem = edition?.identifierProblem(identifier)
  if (problem !== undefined) throw usageError(`${identifier} is not valid: ${problem}.`)
  return identifier
}

function requireMcpUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isSecure = url && (url.protocol === 'https:' || isLoopbackIdentifier(url.origin))
  if (!isSecure || text.includes('#') || url.username !== '' || url.password !== '')
    throw usageError(
      '--mcp requires the URL that users type into their clients, such as https://notes.example/mcp: https, or http on this machine with a port, without a username or fragment.',
    )
}

export interface Outside {
  network: NetworkOptions
  /** Whether the server's machine is also checked. */
  isInside: boolean
  /** The edition in which any party is checked. @default only an auth server of the default edition */
  edition?: CommandEdition | undefined
  tell: (text: string) => void
}

/**
 * Checks an auth server from the outside, the way agents, resources and users reach it. Sends only GET requests. Always finishes within
 * half a minute: a request or handshake takes up to five seconds, and at most five of them run one after another.
 */
export async function examineOutside(
  identifier: string,
  { network, isInside, edition, tell }: Outside,
): Promise<Finding[]> {
  const issuer = new URL(identifier)
  const { finding, isTrusted } = await checkCertificate(issuer)
  if (!isTrusted) {
    const rest = checking('everything else')
    return [finding, rest.unknown('Nothing received over an untrusted connection can be relied on.')]
  }
  const { findings, parties, paths } = edition
    ? await checkPublished(identifier, edition, network, tell)
    : await checkDocuments(identifier, network, tell)
  const begun = [finding, await checkRedirect(issuer), ...findings]
  if (!paths) {
    const rest = checking('everything else')
    return [...begun, rest.unknown('The remaining checks need a key set at this origin, but none was found there.')]
  }
  const isServer = parties.includes('authServer')
  const checks: Readonly<Record<string, () => Promise<Finding | Finding[]>>> = {
    caching: () => checkCaching(issuer, [paths.document, paths.keys]),
    ...(isServer && { pages: () => checkPages(issuer), links: () => checkLinks(issuer) }),
    // An agent only publishes its documents: nothing there is signed.
    ...((isServer || parties.includes('resource')) && {
      paths: () => checkTargets(issuer, paths.keys),
      'header sizes': () => checkHeaderSizes(issuer, paths.keys),
    }),
    ...(isServer && { 'admin port': () => checkAdmin(issuer) }),
    clock: () => checkClock(issuer, paths.document),
  }
  const answered = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      try {
        return await check()
      } catch (error) {
        return checking(name).problem(`No valid response: ${errorReason(error)}.`, mendUnanswered)
      }
    }),
  )
  return [...begun, ...answered.flat(), ...(isInside || !isServer ? [] : [clientAddress])]
}

const mendUnanswered =
  'Check the logs of the proxy and of the server, and configure the proxy to pass on every response from the server, completely and within a few seconds.'

const clientAddress = checking('client addresses').unknown(
  'It cannot be checked from here which client address the server sees.',
  'Run countersign doctor --config <file> on the server’s machine, and look for proxy.not_trusted in the server’s log.',
)

/** The checked part of a deployment, with the findings. */
export interface Examination {
  /** An issuer, or the path of a configuration file. */
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

/** Renders the findings for humans, in 80 columns. */
export function renderFindings(examinations: readonly Examination[]): string {
  const parts = examinations.map(({ subject, from, findings }) =>
    [wrapText('', `${subject}, from ${from}`), '', ...findings.flatMap(findingLines)].map(printable).join('\n'),
  )
  return `${[...parts, summaryOf(examinations.flatMap(({ findings }) => findings))].join('\n\n')}\n`
}

function findingLines({ check, outcome, found, fix }: Finding): string[] {
  const lead = `  ${words[outcome].padEnd(13)}${check.padEnd(17)} `
  const lines = [wrapText(lead, found)]
  if (fix !== undefined) lines.push(wrapText(`${' '.repeat(lead.length)}Fix: `, fix))
  return lines
}

function summaryOf(findings: readonly Finding[]): string {
  const count = (outcome: Finding['outcome']) => findings.filter((finding) => finding.outcome === outcome).length
  const counted = (number: number, word: string) => `${number} ${word}${number === 1 ? '' : 's'}`
  return `${count('ok')} ok, ${counted(count('warning'), 'warning')}, ${counted(count('problem'), 'problem')}, ${count('unknown')} not checked.`
}
