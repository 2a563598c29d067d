import { fieldValues } from 'countersign/wire'
import { connectionOptions } from './connection-options.js'
import { endToEndLines } from './header-lines.js'
import { plainName } from './plain-name.js'
import { readsAsIdentity } from './reads-as-identity.js'

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
