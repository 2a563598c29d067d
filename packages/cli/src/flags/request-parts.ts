import { usageError } from '../command/errors.js'

/** The URL that somebody typed. */
export function requireUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw usageError('The URL must be an absolute one of https or http.')
  if (url.username !== '' || url.password !== '') throw usageError('The URL must have no user name and no password.')
  return url.href
}

/** The headers of a request, from lines as somebody typed them. */
export function readHeaderLines(lines: readonly string[]): Headers {
  const headers = new Headers()
  for (const line of lines) {
    const [, name = '', value = ''] = /^([^:\s]+):[ \t]*(.*)$/.exec(line) ?? []
    if (name === '') throw usageError('--header takes a line of the form Name: value.')
    if (unsettable.has(name.toLowerCase()))
      throw usageError(`--header cannot set ${name}: it follows from the request.`)
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

/** The constructors of the platform refuse by TypeError what cannot be sent. */
export function attempt<T>(what: string, make: () => T): T {
  try {
    return make()
  } catch (cause) {
    if (cause instanceof TypeError)
      throw usageError(`${what} cannot be sent: ${cause.message.replace(/\.$/, '')}.`, cause)
    throw cause
  }
}
