import { AAuthError } from 'countersign/resource'
import { fieldValues } from 'countersign/signatures'
import {
  connectionOptions,
  isHopByHop,
  isUntrusted,
  lettersOf,
  namesAnotherRequest,
  readsAsIdentity,
  readsAsOverride,
} from '../headers.js'

/**
 * Options of `Connection` that a client may send. Any other names a header, which the gateway would have to remove before it forwards the
 * request, and the API would get a request without it (G01).
 */
const permittedOptions: ReadonlySet<string> = new Set([
  'close',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'trailers',
  'upgrade',
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
  const coversField = coveredFields(message)
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    const letters = lettersOf(name)
    const isDropped = isUntrusted(name, letters)
    // A proxy of the operator sets some of these itself, and they are not passed on.
    if (readsAsOverride(letters) && !(isFromProxy && isDropped))
      throw new AAuthError('request_malformed', `${name} is not taken here: send the request that is meant.`)
    // A signed field is forwarded, or the request is refused: the API would get something else than what was signed.
    const isRemoved = (isDropped && !readsAsIdentity(name)) || isHopByHop(name)
    if (isRemoved && coversField(name.toLowerCase()))
      throw new AAuthError('request_malformed', `${name} is not passed on: leave it out, also of what is signed.`)
  }
  requireOnce(message)
  requireShortConnection(message)
  for (const option of connectionOptions(rawHeaders))
    if (!permittedOptions.has(option) || coversField(option))
      throw new AAuthError(
        'request_malformed',
        `Connection cannot contain ${option.slice(0, 32)}: send close, keep-alive, Upgrade or TE.`,
      )
  const coding = fieldValues(message, 'transfer-encoding')
  if (coding.length > 1 || (coding[0] ?? 'chunked').toLowerCase() !== 'chunked')
    throw new AAuthError('request_malformed', 'Transfer-Encoding can only be chunked here.')
  const mark = rawTarget.indexOf('?')
  if (mark !== -1) requirePlainParameters(rawTarget.slice(mark + 1))
}

/**
 * Whether a signature of the message covers a field, by its name in lower case. `Signature-Input` is split once, when the first name
 * is looked up: a search for each header would cost the product of both lengths (G45).
 */
function coveredFields(message: PlainMessage): (name: string) => boolean {
  let names: ReadonlySet<string> | undefined
  return (name) => {
    names ??= new Set(fieldValues(message, 'signature-input').join().split('"'))
    return names.has(name)
  }
}

/** Characters of Content-Type. */
const longestType = 1024

/** Characters of all Connection headers together. */
const longestConnection = 1024

function requireShortConnection(message: PlainMessage): void {
  let length = 0
  for (const value of fieldValues(message, 'connection')) length += value.length
  if (length > longestConnection)
    throw new AAuthError('headers_too_large', `Connection is longer than ${longestConnection} characters.`)
}

/**
 * Refuses parameters that frameworks take for the method or the path, in a query or a form. None of these names is shorter than
 * `_method`.
 *
 * @throws AAuthError `request_malformed`
 */
export function requirePlainParameters(encoded: string): void {
  for (const [part] of encoded.matchAll(/[^&;]{7,}/g))
    requirePlainParameter(parameterName(part.split('=', 1)[0] as string))
}

/**
 * Refuses a parameter that frameworks take for the method or the path, by its name without encoding.
 *
 * @throws AAuthError `request_malformed`
 */
export function requirePlainParameter(name: string): void {
  if (/method|^[^a-z]*x/i.test(name) && namesAnotherRequest(name))
    throw new AAuthError('request_malformed', `The parameter ${name.slice(0, 32)} is not taken here.`)
}

/** The name of a parameter without up to three layers of encoding. */
export function parameterName(encodedName: string): string {
  if (!/[%+]/.test(encodedName)) return encodedName
  let name = encodedName.replaceAll('+', ' ')
  for (let layer = 0; layer < 3 && name.includes('%'); layer++) {
    const decoded = lenientlyDecoded(name)
    if (decoded === name) break
    name = decoded
  }
  return name
}

/**
 * Decodes one layer of what can be decoded, and keeps the rest. ASP reads `%u005F`, too, and takes the nearest letter for one that it
 * lacks. Without a callback for each escape: a query may hold thousands (G45).
 */
function lenientlyDecoded(text: string): string {
  let decoded = ''
  let from = 0
  for (let at = text.indexOf('%'); at !== -1; at = text.indexOf('%', Math.max(from, at + 1))) {
    const isUnicode = (text.charCodeAt(at + 1) | 0x20) === 0x75
    const [start, length] = isUnicode ? [at + 2, 4] : [at + 1, 2]
    const code = hexAt(text, start, length)
    if (code === undefined) continue
    const character = String.fromCharCode(code)
    decoded += text.slice(from, at) + (isUnicode ? character.normalize('NFKC') : character)
    from = start + length
  }
  return decoded + text.slice(from)
}

/** The number that some hexadecimal digits stand for; undefined if they are not all digits. */
export function hexAt(text: string, start: number, length: number): number | undefined {
  let value = 0
  for (let at = start; at < start + length; at++) {
    const code = text.charCodeAt(at)
    const isDigit = code >= 0x30 && code <= 0x39
    const lower = code | 0x20
    if (!isDigit && !(lower >= 0x61 && lower <= 0x66)) return undefined
    value = value * 16 + (isDigit ? code - 0x30 : lower - 0x57)
  }
  return value
}

function requireOnce(message: { rawHeaders: readonly string[] }): void {
  if (fieldValues(message, 'host').length > 1)
    throw new AAuthError('header_duplicate', 'The request names two hosts: send one Host.')
  if (fieldValues(message, 'content-type').length > 1)
    throw new AAuthError(
      'header_duplicate',
      'The request has two Content-Type headers: one would read it as one, one as the other.',
    )
  if ((fieldValues(message, 'content-type')[0] ?? '').length > longestType)
    throw new AAuthError('headers_too_large', `Content-Type is longer than ${longestType} characters.`)
}
