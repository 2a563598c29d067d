import { usageError } from '../command/errors.js'

/** Requires an absolute http or https URL. */
export function requireUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw usageError('The URL must be an absolute http or https URL.')
  if (url.username !== '' || url.password !== '') throw usageError('The URL must not contain a username or password.')
  return url.href
}

/** Parses header lines, as typed by the user. */
export function readHeaderLines(lines: readonly string[]): Headers {
  const headers = new Headers()
  for (const line of lines) {
    const [, name = '', value = ''] = /^([^:\s]+):[ \t]*(.*)$/.exec(line) ?? []
    if (name === '') throw usageError('--header must be a line of the form Name: value.')
    if (unsettable.has(name.toLowerCase())) throw usageError(`--header cannot set ${name}, which is set automatically.`)
    attempt(`--header ${name}`, () => headers.append(name, value))
  }
  return headers
}

const unsettable: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'signature',
  'signature-input',
  'signature-key',
  'content-digest',
  'nonce',
])

/** Calls a platform constructor, and converts the TypeError that it throws for values that cannot be sent. */
export function attempt<T>(what: string, make: () => T): T {
  try {
    return make()
  } catch (cause) {
    if (cause instanceof TypeError)
      throw usageError(`${what} cannot be sent: ${cause.message.replace(/\.$/, '')}.`, cause)
    throw cause
  }
}
