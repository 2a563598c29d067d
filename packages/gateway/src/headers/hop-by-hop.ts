import { fieldValues } from 'countersign/wire'
import { plainName, readsAsIdentity } from './names.js'

const none: ReadonlySet<string> = new Set()

/** The header names that `Connection` says are of this connection only, in lower case (RFC 9110 §7.6.1). */
export function connectionOptions(rawHeaders: readonly string[]): ReadonlySet<string> {
  const values = fieldValues({ rawHeaders }, 'connection')
  if (values.length === 0) return none
  const options = values.flatMap((value) => value.split(',').map((option) => option.trim().toLowerCase()))
  return new Set(options.filter((option) => option !== ''))
}

/** Of one connection only (RFC 9110 §7.6.1). */
const ofConnection: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** The lines of a message that go on to its other end, names and values in turn, as they were. */
export function endToEndLines(rawHeaders: readonly string[], isDropped: (name: string) => boolean): string[] {
  const options = connectionOptions(rawHeaders)
  const kept: string[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    const lower = name.toLowerCase()
    if (!ofConnection.has(lower) && !options.has(lower) && !isDropped(name))
      kept.push(name, rawHeaders[at + 1] as string)
  }
  return kept
}

/**
 * Fields that say how a message is read, kept or answered. In trailers they come too late, and who merges both takes them for headers
 * (RFC 9110 §6.5.1).
 */
const ofHead =
  /^(?:access-control-.+|(?:.+-)?cache-control|age|agent-auth|authorization|content-(?:encoding|length|range|security-policy|type)|cookie|date|edge-control|expires|host|location|max-forwards|pragma|retry-after|set-cookie2?|signature-error|strict-transport-security|surrogate-control|vary|www-authenticate|x-accel-.+|x-litespeed-.+|x-reverse-proxy-ttl)$/

/** The trailers of an answer that go on, names and values in turn. */
export function passedTrailers(rawTrailers: readonly string[], rawHeaders: readonly string[]): string[] {
  const options = connectionOptions(rawHeaders)
  return endToEndLines(
    rawTrailers,
    (name) => options.has(name.toLowerCase()) || readsAsIdentity(name) || ofHead.test(plainName(name)),
  )
}

/** The names of trailers that an answer announces and that go on. */
export function announcedTrailers(rawHeaders: readonly string[]): string[] {
  const names = fieldValues({ rawHeaders }, 'trailer').flatMap((value) => value.split(','))
  const tokens = names.map((name) => name.trim()).filter((name) => /^[\w!#$%&'*+.^`|~-]+$/.test(name))
  return passedTrailers(
    tokens.flatMap((name) => [name, '']),
    rawHeaders,
  ).filter((_, at) => at % 2 === 0)
}

/** Whether who asks reads trailers (RFC 9110 §10.1.4). */
export function takesTrailers(rawHeaders: readonly string[]): boolean {
  const codings = fieldValues({ rawHeaders }, 'te').flatMap((value) => value.split(','))
  return codings.some((coding) => coding.trim().toLowerCase() === 'trailers')
}
