import { AAuthError } from 'countersign/resource'
import { fieldValues } from 'countersign/wire'
import { connectionOptions } from '../fields/connection-options.js'
import { isNotBelieved } from '../fields/is-not-believed.js'
import { readsAsIdentity } from '../fields/reads-as-identity.js'
import { namesAnotherRequest, readsAsOverride } from '../fields/reads-as-override.js'

/** What no option of the connection may take away from a request: what was signed, and what others tell it by (G01). */
const kept: ReadonlySet<string> = new Set([
  'authorization',
  'content-digest',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'host',
  'nonce',
  'signature',
  'signature-input',
  'signature-key',
])

/** What is looked at of a request. */
export interface PlainMessage {
  rawTarget: string
  rawHeaders: readonly string[]
  /** Whether one of the operator's proxies sent it on. @default false */
  isFromProxy?: boolean
}

/**
 * Refuses headers and parameters by which the upstream could take the request for another one than was judged.
 *
 * @throws AAuthError `request_malformed`, `headers_too_large`
 */
export function requirePlainFields(message: PlainMessage): void {
  const { rawTarget, rawHeaders, isFromProxy = false } = message
  // Node drops what is beyond 2,000 lines without a word.
  if (rawHeaders.length > 2000)
    throw new AAuthError('headers_too_large', 'The request has more than 1000 header lines.')
  const signed = fieldValues(message, 'signature-input').join()
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    // Proxies say where a request came from by some of these, and what says so does not go on.
    const isOfProxy = isFromProxy && isNotBelieved(name)
    if (readsAsOverride(name) && !isOfProxy)
      throw new AAuthError('request_malformed', `${name} is not taken here: send the request that is meant.`)
    // What was signed is passed on, or refused: it is never left out without a word.
    if (signed.includes(`"${name.toLowerCase()}"`) && isNotBelieved(name) && !readsAsIdentity(name))
      throw new AAuthError('request_malformed', `${name} is not passed on: leave it out, also of what is signed.`)
  }
  requireOnce(message)
  for (const option of connectionOptions(rawHeaders))
    if (kept.has(option)) throw new AAuthError('request_malformed', `Connection must not name ${option}.`)
  const coding = fieldValues(message, 'transfer-encoding')
  if (coding.length > 1 || (coding[0] ?? 'chunked').toLowerCase() !== 'chunked')
    throw new AAuthError('request_malformed', 'Transfer-Encoding can only be chunked here.')
  const mark = rawTarget.indexOf('?')
  if (mark !== -1) requirePlainParameters(rawTarget.slice(mark + 1))
}

/**
 * Refuses parameters that frameworks take for the method or the path, in a query or a form.
 *
 * @throws AAuthError `request_malformed`
 */
export function requirePlainParameters(encoded: string): void {
  for (const part of encoded.split(/[&;]/)) requirePlainParameter(part.split('=', 1)[0] as string)
}

/** @throws AAuthError `request_malformed` */
export function requirePlainParameter(encodedName: string): void {
  if (!/method|x|%/i.test(encodedName)) return
  let name = encodedName.replaceAll('+', ' ')
  for (let layer = 0; layer < 3 && name.includes('%'); layer++) {
    const decoded = lenientlyDecoded(name)
    if (decoded === name) break
    name = decoded
  }
  if (namesAnotherRequest(name))
    throw new AAuthError('request_malformed', `The parameter ${name.slice(0, 32)} is not taken here.`)
}

/**
 * What cannot be decoded is no name of anything, but what is around it may be. ASP reads `%u005F`, too, and takes the
 * nearest letter for one that it lacks.
 */
function lenientlyDecoded(text: string): string {
  return text.replaceAll(/%(?:u([0-9a-f]{4})|([0-9a-f]{2}))/gi, (_, unit?: string, byte?: string) =>
    unit === undefined ? codeUnit(byte as string) : codeUnit(unit).normalize('NFKC'),
  )
}

function codeUnit(hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16))
}

function requireOnce(message: { rawHeaders: readonly string[] }): void {
  if (fieldValues(message, 'host').length > 1)
    throw new AAuthError('header_duplicate', 'The request names two hosts: send one Host.')
  if (fieldValues(message, 'content-type').length > 1)
    throw new AAuthError(
      'header_duplicate',
      'The request has two Content-Type headers: one would read it as one, one as the other.',
    )
}
