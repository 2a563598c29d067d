import { AAuthError } from 'countersign/resource'
import { fieldValues } from 'countersign/wire'
import { connectionOptions } from '../fields/connection-options.js'
import { plainName } from '../fields/plain-name.js'

/** Headers by which some frameworks take another method or path than that of the request line (G02). */
const overriding: ReadonlySet<string> = new Set([
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-method',
  'x-original-method',
  'x-original-url',
  'x-original-uri',
  'x-rewrite-url',
  'x-rewrite-uri',
  'x-forwarded-uri',
  'x-forwarded-url',
  'x-forwarded-path',
  'x-forwarded-method',
  'x-forwarded-prefix',
  'x-envoy-original-path',
  'x-envoy-original-method',
])

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

/**
 * Refuses headers and parameters by which the upstream could take the request for another one than was judged.
 *
 * @throws AAuthError `request_malformed`, `headers_too_large`
 */
export function requirePlainFields(message: { rawTarget: string; rawHeaders: readonly string[] }): void {
  const { rawTarget, rawHeaders } = message
  // Node drops what is beyond 2,000 lines without a word.
  if (rawHeaders.length > 2000)
    throw new AAuthError('headers_too_large', 'The request has more than 1000 header lines.')
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    if (overriding.has(plainName(name)))
      throw new AAuthError('request_malformed', `${name} is not taken here: send the request that is meant.`)
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
 * Refuses parameters that frameworks take for the method, in a query or a form.
 *
 * @throws AAuthError `request_malformed`
 */
export function requirePlainParameters(encoded: string): void {
  if (!/method|%/i.test(encoded)) return
  for (const name of new URLSearchParams(encoded.replaceAll(';', '&')).keys())
    if (name.toLowerCase() === '_method' || overriding.has(plainName(name)))
      throw new AAuthError('request_malformed', `The parameter ${name.slice(0, 32)} is not taken here.`)
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
