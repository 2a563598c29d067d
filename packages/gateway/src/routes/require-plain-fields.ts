import { hasTokenParameter, namesToken } from 'countersign/node'
import { AAuthError } from 'countersign/resource'
import { fieldValues } from 'countersign/signatures'
import { connectionOptions, isWithheld, namesAnotherRequest, traitsOf, type Withheld } from '../headers.js'
import { parameterName } from './lenient-decoding.js'

/**
 * `Connection` options that a client may send. Any other option refers to a header that the gateway would have to remove, so the API would
 * get the request without that header (G01).
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

/** The head of a request, as received. */
export interface RequestHead {
  method: string
  rawTarget: string
  rawHeaders: readonly string[]
  /** Whether one of the operator's proxies forwarded the request. @default false */
  isFromProxy?: boolean
}

/** The query of a raw target; empty if there is none. */
export function queryOf(rawTarget: string): string {
  const mark = rawTarget.indexOf('?')
  return mark === -1 ? '' : rawTarget.slice(mark + 1)
}

/**
 * Refuses headers and parameters that could make the upstream run a different request from the one that was checked.
 *
 * @param withheld the `Authorization` headers that are not forwarded. @default none
 * @throws AAuthError `request_malformed`, `headers_too_large`, `header_duplicate`
 */
export function requirePlainFields(message: RequestHead, withheld?: Withheld): void {
  const { rawTarget, rawHeaders, isFromProxy = false } = message
  // Node.js silently drops entries beyond the first 2,000.
  if (rawHeaders.length / 2 > 1000)
    throw new AAuthError('headers_too_large', 'The request has more than 1000 header lines.')
  const coversField = coveredFields(message)
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    const value = rawHeaders[at + 1] as string
    const traits = traitsOf(name)
    // An operator's proxy sets some of these headers itself, and they are not forwarded.
    if (traits.isOverride && !(isFromProxy && traits.isUntrusted))
      throw new AAuthError('request_malformed', `${name} is not accepted: send the intended request directly.`)
    if (traits.lower === 'cookie') requirePlainCookies(value)
    // Without a signed field, the API would get a different request from the one that was signed.
    const isRemoved =
      (traits.isUntrusted && !traits.isIdentity) || traits.isHopByHop || isWithheld(traits, value, withheld)
    if (isRemoved && coversField(traits.lower))
      throw new AAuthError('request_malformed', `${name} is not forwarded, so the signature must not cover it.`)
  }
  requireSingle(message, 'Host')
  requireSingle(message, 'Content-Type')
  requireShort(message, 'Content-Type')
  requireShort(message, 'Connection')
  for (const option of connectionOptions(rawHeaders))
    if (!permittedOptions.has(option) || coversField(option))
      throw new AAuthError(
        'request_malformed',
        `Connection cannot contain ${option.slice(0, 32)}: send close, keep-alive, Upgrade or TE.`,
      )
  const coding = fieldValues(message, 'transfer-encoding')
  if (coding.length > 1 || (coding[0] ?? 'chunked').toLowerCase() !== 'chunked')
    throw new AAuthError('request_malformed', 'Transfer-Encoding can only be chunked here.')
  requirePlainParameters(queryOf(rawTarget))
}

/**
 * Whether a signature of the message covers a field, given the field's lower-case name. `Signature-Input` is split only once, on the first
 * lookup, because searching it for each header would cost the product of both lengths (G45).
 */
function coveredFields(message: RequestHead): (name: string) => boolean {
  let names: ReadonlySet<string> | undefined
  return (name) => {
    names ??= new Set(fieldValues(message, 'signature-input').join().split('"'))
    return names.has(name)
  }
}

/** @throws AAuthError `header_duplicate` */
function requireSingle(message: RequestHead, name: 'Host' | 'Content-Type'): void {
  if (fieldValues(message, name.toLowerCase()).length > 1)
    throw new AAuthError('header_duplicate', `The request has two ${name} headers: send one.`)
}

/** Maximum length of Content-Type, and of all Connection headers together, in characters. */
const longestValue = 1024

/** @throws AAuthError `headers_too_large` */
function requireShort(message: RequestHead, name: 'Content-Type' | 'Connection'): void {
  const length = fieldValues(message, name.toLowerCase()).reduce((sum, value) => sum + value.length, 0)
  if (length > longestValue)
    throw new AAuthError('headers_too_large', `${name} is longer than ${longestValue} characters.`)
}

/**
 * Refuses query parameters that frameworks use as the method or the path. The shortest such name is `_method`.
 *
 * @throws AAuthError `request_malformed`
 */
function requirePlainParameters(query: string): void {
  for (const [part] of query.matchAll(/[^&;]{7,}/g)) requirePlainName(parameterName(part.split('=', 1)[0] as string))
}

/** Refuses cookies with such names: without `request_order`, PHP's `$_REQUEST` also contains cookies. */
function requirePlainCookies(cookies: string): void {
  for (const [part] of cookies.matchAll(/[^;]{7,}/g))
    requirePlainName(parameterName(part.trimStart().split('=', 1)[0] as string))
}

/**
 * Refuses a parameter, form field or member that frameworks use as the method or the path, given its decoded name (G02).
 *
 * @throws AAuthError `request_malformed`
 */
export function requirePlainName(name: string): void {
  if (isPrototypeName(name) || (/method|^[^a-z]*x/i.test(name) && namesAnotherRequest(name)))
    throw new AAuthError(
      'request_malformed',
      `The field ${name.slice(0, 32)} is not accepted: send the intended request directly.`,
    )
}

/** Whether a name is `__proto__`, whose members may become those of the object itself in JavaScript, or a field within it. */
export function isPrototypeName(name: string): boolean {
  return /^\[?__proto__(?:$|[[\].])/.test(name)
}

/**
 * Like {@link requirePlainName}, but for form fields; also refuses the field from which WordPress takes a path.
 *
 * @throws AAuthError `request_malformed`
 */
export function requirePlainFormField(name: string): void {
  requirePlainName(name)
  if (isRestRoute(name))
    throw new AAuthError(
      'request_malformed',
      'The field rest_route is not accepted: send the path in the request line.',
    )
}

/** Refuses an access token in a field, given the decoded name, because the API would receive it. @throws AAuthError `request_malformed` */
export function requireNoTokenName(name: string): void {
  if (namesToken(name)) throw misplacedToken()
}

/** Refuses an access token in the query of a raw target. @throws AAuthError `request_malformed` */
export function requireNoTokenInQuery(rawTarget: string): void {
  if (hasTokenParameter(queryOf(rawTarget))) throw misplacedToken()
}

function misplacedToken(): AAuthError {
  return new AAuthError(
    'request_malformed',
    'An access token must be in the Authorization header, not in the query or the body.',
  )
}

/** Whether WordPress takes its REST API path from a field. PHP converts a dot, a space and `[` to `_`, and truncates a name at NUL. */
export function isRestRoute(name: string): boolean {
  return /^[^a-z0-9]*rest[^a-z0-9]route(?:$|[\0[])/i.test(name)
}
