import { isIPv4, isIPv6 } from 'node:net'
import { createSigner, type PrivateJwk } from 'countersign'
import { importVerificationKey, isIdentifier, type VerificationKey } from 'countersign/wire'
import { usageError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { type NetworkFlags, readNetworkFlags } from '../flags/network-flags.js'
import { parseSeconds } from '../flags/parse-seconds.js'
import { readJsonFile } from '../flags/read-json-file.js'
import { requireIdentifierFlag } from '../flags/require-identifier-flag.js'
import { requireUsableKey } from '../flags/require-usable-key.js'
import { toldFetch } from '../network/told-fetch.js'
import { maxRequest } from './parse-http-request.js'
import { renderReport } from './render-report.js'
import { type VerifyRequestOptions, verifyRequest } from './verify-request.js'

interface VerifyFlags extends NetworkFlags {
  authority?: string
  resource?: string
  authServer?: string
  jwks?: string
  key?: string
  now?: string
  allowInsecureLoopback?: true
  json?: true
}

const statuses = { verified: exitStatus.done, refused: exitStatus.refused, undecided: exitStatus.network } as const

/** `countersign verify < request.http`: whether a request that was written down is signed, and if not, why not. */
export const verifyCommand: Run = async (options, terminal) => {
  const flags: VerifyFlags = options
  const settings = await readSettings(flags, terminal.notify)
  const request = await terminal.readInput(maxRequest)
  if (/^[\r\n]{0,4}$/.test(Buffer.from(request.subarray(0, 5)).toString('latin1'))) throw usageError(empty)
  const report = await verifyRequest(request, settings)
  terminal.write(flags.json ? `${JSON.stringify(report, null, 2)}\n` : renderReport(report))
  return statuses[report.verdict]
}

const empty = `There is no request on standard input. Give one as it was on the wire:

  countersign verify < request.http

The file holds a line such as GET /data HTTP/1.1, the headers, an empty line,
and the body if there is one. countersign sign prints such a request.`

async function readSettings(flags: VerifyFlags, tell: (text: string) => void): Promise<VerifyRequestOptions> {
  const allowInsecureLoopback = flags.allowInsecureLoopback ?? false
  const loopback = allowInsecureLoopback ? 'allowed' : { allowedBy: '--allow-insecure-loopback' }
  const identifier = (flag: string, text: string | undefined) =>
    text === undefined ? undefined : requireIdentifierFlag(flag, text, loopback)
  const network = readNetworkFlags(flags)
  const seconds = parseSeconds('--now', flags.now)
  return {
    authority: flags.authority === undefined ? undefined : requireAuthority(flags.authority),
    resource: identifier('--resource', flags.resource),
    authServer: identifier('--auth-server', flags.authServer),
    jwks: flags.jwks === undefined ? undefined : await readJwks(flags.jwks),
    key: flags.key === undefined ? undefined : await readKey(flags.key),
    now: () => seconds ?? Math.floor(Date.now() / 1000),
    allowInsecureLoopback,
    fetch: toldFetch({ allowInsecureLoopback, ...network }, tell),
    fetchConfigured: (issuer) => {
      const configuredOrigin = new URL(issuer).origin
      return toldFetch({ allowInsecureLoopback, ...network, configuredOrigin }, tell)
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
    '--authority takes a host, with its port where that is not the default: api.example, 127.0.0.1:8002.',
  )
}

async function readJwks(path: string): Promise<readonly unknown[]> {
  const { keys } = await readJsonFile('--jwks', path)
  if (Array.isArray(keys)) return keys as unknown[]
  throw usageError(`--jwks: ${path} has no keys array; a file with one key is for --key.`)
}

async function readKey(path: string): Promise<VerificationKey> {
  const jwk = await readJsonFile('--key', path)
  return requireUsableKey(path, importPublicHalf(jwk))
}

async function importPublicHalf(jwk: object): Promise<VerificationKey> {
  return importVerificationKey('d' in jwk ? (await createSigner(jwk as PrivateJwk)).jwk : jwk)
}
