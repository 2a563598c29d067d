import type { AAuthError } from '../lib/errors.js'

/** The status, headers and JSON body of a refusal (RFC 6749 §5.2), without the challenge a resource adds. */
export function errorResponse(error: AAuthError): { status: number; headers: Record<string, string>; body: string } {
  const headers: Record<string, string> = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  if (error.signatureError) headers['signature-error'] = signatureErrorHeader(error)
  if (error.retryAfter !== undefined) headers['retry-after'] = String(Math.ceil(error.retryAfter))
  const body = JSON.stringify({ error: error.error, error_description: asciiOnly(error.description) })
  return { status: error.status, headers, body }
}

function signatureErrorHeader(error: AAuthError): string {
  const required = error.requiredInput ? `, required_input=${innerList(error.requiredInput)}` : ''
  const supported = error.algorithms ? `, supported_algorithms=${innerList(error.algorithms)}` : ''
  return `error=${error.signatureError}${required}${supported}`
}

function innerList(names: readonly string[]): string {
  return `(${names.map((name) => `"${name}"`).join(' ')})`
}

/** What typographic signs are written as. */
const plainSigns: Readonly<Record<string, string>> = {
  '"': "'",
  '\t': ' ',
  '\n': ' ',
  '\r': ' ',
  '\u00a0': ' ',
  '\u00a7': 'section ',
  '\u00ab': "'",
  '\u00bb': "'",
  '\u00d7': 'x',
  '\u2010': '-',
  '\u2011': '-',
  '\u2012': '-',
  '\u2013': '-',
  '\u2014': '-',
  '\u2018': "'",
  '\u2019': "'",
  '\u201a': "'",
  '\u201c': "'",
  '\u201d': "'",
  '\u201e': "'",
  '\u2026': '...',
  '\u202f': ' ',
  '\u2192': '->',
  '\u2212': '-',
  '\u2264': '<=',
  '\u2265': '>=',
}

// RFC 6749 §5.2 leaves only printable ASCII without the quote and the backslash to error_description. A letter in a name is
// shown by its number: left out, it would make the name of somebody else of it.
function asciiOnly(text: string): string {
  return text.replaceAll(
    /[^\x20-\x21\x23-\x5b\x5d-\x7e]/gu,
    (sign) => plainSigns[sign] ?? `u{${(sign.codePointAt(0) ?? 0).toString(16)}}`,
  )
}
