import type { HeaderLines } from './trace-event.js'

const redacted = '[redacted]'

const secretHeaders: ReadonlySet<string> = new Set(['cookie', 'set-cookie', 'authorization'])
const secretFields: ReadonlySet<string> = new Set(['password', 'new_password', 'csrf', 'credential'])

/** Header lines without the values of cookies. */
export function redactHeaders(headers: HeaderLines): HeaderLines {
  return headers.map(([name, value]) => [name, secretHeaders.has(name) ? redacted : value])
}

/** A body without passwords and CSRF values: form members, and the hidden inputs of pages. The rest stays byte for byte. */
export function redactBody(body: string | null, contentType: string): string | null {
  if (body === null) return null
  if (contentType.startsWith('application/x-www-form-urlencoded')) return body.split('&').map(redactMember).join('&')
  if (contentType.startsWith('text/html')) return body.replaceAll(/<input\b[^>]*>/gi, redactInput)
  return body
}

function redactMember(member: string): string {
  const [name = ''] = new URLSearchParams(member).keys()
  return secretFields.has(name) ? `${name}=${redacted}` : member
}

function redactInput(tag: string): string {
  const name = /\sname\s*=\s*["']?([^\s"'>]*)/i.exec(tag)?.[1] ?? ''
  return secretFields.has(name) ? tag.replace(/(\svalue\s*=\s*)("[^"]*"|'[^']*'|[^\s>]*)/i, `$1"${redacted}"`) : tag
}
