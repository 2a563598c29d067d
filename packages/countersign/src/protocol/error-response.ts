import type { AAuthError } from '../lib/errors.js'

/** The status, headers and JSON body of a refusal (RFC 6749 §5.2), without the challenge a resource adds. */
export function errorResponse(error: AAuthError): { status: number; headers: Record<string, string>; body: string } {
  const headers: Record<string, string> = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  if (error.signatureError) headers['signature-error'] = signatureErrorHeader(error)
  if (error.retryAfter !== undefined) headers['retry-after'] = String(error.retryAfter)
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

// RFC 6749 §5.2 leaves only printable ASCII without the quote and the backslash to error_description.
function asciiOnly(text: string): string {
  return text.replaceAll(/[’“”]/g, "'").replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '')
}
