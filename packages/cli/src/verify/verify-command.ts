import { isIPv4, isIPv6 } from 'node:net'
import { createSigner, type ErrorCode, type PrivateJwk } from 'countersign'
import { isIdentifier } from 'countersign/discovery'
import { importVerificationKey, type VerificationKey } from 'countersign/signatures'
import { exitStatus, usageError } from '../command/errors.js'
import { type EditionName, loadEdition } from '../editions/load-edition.js'
import { readJsonFile, requireUsableKey } from '../flags/key-flags.js'
import { type NetworkFlags, parseSeconds, readNetworkFlags, requireIdentifierFlag } from '../flags/network-flags.js'
import { loggedFetch } from '../network/fetch-problems.js'
import type { Run } from '../terminal/terminal.js'
import { printable, wrapText } from '../terminal/text.js'
import { maxRequest } from './parse-http-request.js'
import type { VerificationReport } from './verification-report.js'
import { type VerifyRequestOptions, verifyRequest } from './verify-request.js'

interface VerifyFlags extends NetworkFlags {
  edition?: EditionName
  authority?: string
  resource?: string
  authServer?: string
  jwks?: string
  key?: string
  at?: string
  allowInsecureLoopback?: true
  json?: true
}

const statuses = { verified: exitStatus.done, refused: exitStatus.refused, undecided: exitStatus.network } as const

/** `countersign verify < request.http`: verifies the signature of a saved request, and explains failures. */
export const verifyCommand: Run<VerifyFlags> = async (flags, terminal) => {
  const settings = await readSettings(flags, terminal.notify)
  const request = await terminal.readInput(maxRequest)
  if (/^[\r\n]{0,4}$/.test(Buffer.from(request.subarray(0, 5)).toString('latin1'))) throw usageError(empty)
  const report = await verifyRequest(request, settings)
  terminal.write(flags.json ? `${JSON.stringify(report, null, 2)}\n` : renderReport(report))
  return statuses[report.verdict]
}

const empty = `There is no request on standard input. Pass one as it is sent on the wire:

  countersign verify < request.http

The file contains a line such as GET /data HTTP/1.1, the headers, an empty line,
and the body if there is one. countersign sign prints such a request.`

async function readSettings(flags: VerifyFlags, tell: (text: string) => void): Promise<VerifyRequestOptions> {
  const allowInsecureLoopback = flags.allowInsecureLoopback ?? false
  const loopback = allowInsecureLoopback ? 'allowed' : { allowedBy: '--allow-insecure-loopback' }
  const identifier = (flag: string, text: string | undefined) =>
    text === undefined ? undefined : requireIdentifierFlag(flag, text, loopback)
  const network = readNetworkFlags(flags)
  const seconds = parseSeconds('--at', flags.at)
  return {
    edition: await loadEdition(flags.edition),
    authority: flags.authority === undefined ? undefined : requireAuthority(flags.authority),
    resource: identifier('--resource', flags.resource),
    authServer: identifier('--auth-server', flags.authServer),
    jwks: flags.jwks === undefined ? undefined : await readJwks(flags.jwks),
    key: flags.key === undefined ? undefined : await readKey(flags.key),
    now: () => seconds ?? Math.floor(Date.now() / 1000),
    allowInsecureLoopback,
    fetch: loggedFetch({ allowInsecureLoopback, ...network }, tell),
    fetchConfigured: (issuer) => {
      const configuredOrigin = new URL(issuer).origin
      return loggedFetch({ allowInsecureLoopback, ...network, configuredOrigin }, tell)
    },
  }
}

function requireAuthority(text: string): string {
  const authority = text.toLowerCase()
  if (isIdentifier(`https://${authority}`) || isIdentifier(`http://${authority}`, { allowInsecureLoopback: true }))
    return authority
  const [, host = ''] = /^(.+?)(?::\d{1,5})?$/.exec(authority) ?? []
  if (/^[a-z0-9-]+$/.test(host) || isIPv4(host) || (/^\[.*\]$/.test(host) && isIPv6(host.slice(1, -1))))
    return authority
  throw usageError(
    '--authority must be a host, with its port unless it is the default port: api.example, 127.0.0.1:8002.',
  )
}

async function readJwks(path: string): Promise<readonly unknown[]> {
  const { keys } = await readJsonFile('--jwks', path)
  if (Array.isArray(keys)) return keys as unknown[]
  throw usageError(`--jwks: ${path} has no keys array; for a file with a single key, use --key.`)
}

async function readKey(path: string): Promise<VerificationKey> {
  const jwk = await readJsonFile('--key', path)
  return requireUsableKey(path, importPublicHalf(jwk))
}

async function importPublicHalf(jwk: object): Promise<VerificationKey> {
  return importVerificationKey('d' in jwk ? (await createSigner(jwk as PrivateJwk)).jwk : jwk)
}

const rule = '-'.repeat(80)

/** Reasons why there is no signature base, other than a malformed `Signature-Input`. */
const withoutBase: Partial<Record<ErrorCode, string>> = {
  request_malformed: 'the request could not be parsed.',
  signature_missing: 'the request has no Signature-Input.',
  signature_created_missing: 'Signature-Input has no created parameter.',
}

/** Renders a verification for humans: the verdict, the steps, and the exact signature base. */
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
    const unnamed = signer?.token
      ? 'an agent that its token does not name'
      : `a key without an agent identity (scheme=${signer?.scheme})`
    const who = signer?.agent ?? unnamed
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
    wrapText('A server responds: ', `${wire}${header}`),
  ].map(printable)
}

function describeToken({ kind, claims }: { kind: string; claims: object }): string {
  const { iss, sub, scope } = claims as Partial<Record<string, unknown>>
  const of = typeof sub === 'string' ? `, sub ${sub}` : ''
  return `With an ${kind} from ${String(iss)}${of}${typeof scope === 'string' ? `, scope ${scope}` : ''}.`
}

function baseLines({ base, missing, failure }: VerificationReport): string[] {
  if (base !== null) return [`Signature base (${base.length} bytes, no trailing line feed):`, rule, base, rule]
  if (missing.length > 0)
    return [wrapText('No signature base: ', `the request has no usable ${missing.join(', ')}.`)].map(printable)
  return [`No signature base: ${(failure && withoutBase[failure.code]) ?? 'Signature-Input could not be read.'}`]
}
