import { fieldValues } from 'countersign/signatures'
import { plainName, readsAsIdentity } from './names.js'

const none: ReadonlySet<string> = new Set()

/** The names of headers that `Connection` lists as hop-by-hop, in lower case (RFC 9110 §7.6.1). */
export function connectionOptions(rawHeaders: readonly string[]): ReadonlySet<string> {
  const values = fieldValues({ rawHeaders }, 'connection')
  if (values.length === 0) return none
  const options = values.flatMap((value) => value.split(',').map((option) => option.trim().toLowerCase()))
  return new Set(options.filter((option) => option !== ''))
}

/** Hop-by-hop fields (RFC 9110 §7.6.1). */
const hopByHop: ReadonlySet<string> = new Set([
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

/** Whether a header is for one connection only, whatever `Connection` lists. */
export function isHopByHop(name: string): boolean {
  return hopByHop.has(name.toLowerCase())
}

/** The end-to-end header lines of a message, unchanged, as alternating names and values. */
export function endToEndLines(rawHeaders: readonly string[], isDropped: (name: string) => boolean): string[] {
  const options = connectionOptions(rawHeaders)
  const kept: string[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    const lower = name.toLowerCase()
    if (!hopByHop.has(lower) && !options.has(lower) && !isDropped(name)) kept.push(name, rawHeaders[at + 1] as string)
  }
  return kept
}

/**
 * Fields for framing, routing, authentication, caching and content. In trailers they come too late, and a recipient that merges trailers
 * into the headers would trust them (RFC 9110 §6.5.1).
 */
const ofHead =
  /^(?:access-control-.+|(?:.+-)?cache-control|age|agent-auth|authorization|content-(?:encoding|length|range|security-policy|type)|cookie|date|edge-control|expires|host|location|max-forwards|pragma|retry-after|set-cookie2?|signature-error|strict-transport-security|surrogate-control|vary|www-authenticate|x-accel-.+|x-litespeed-.+|x-reverse-proxy-ttl)$/

/** The trailers of a response that the gateway forwards, as alternating names and values. */
export function passedTrailers(rawTrailers: readonly string[], rawHeaders: readonly string[]): string[] {
  const options = connectionOptions(rawHeaders)
  return endToEndLines(
    rawTrailers,
    (name) => options.has(name.toLowerCase()) || readsAsIdentity(name) || ofHead.test(plainName(name)),
  )
}

/** The names of trailers that a response announces and the gateway forwards. */
export function announcedTrailers(rawHeaders: readonly string[]): string[] {
  const names = fieldValues({ rawHeaders }, 'trailer').flatMap((value) => value.split(','))
  const tokens = names.map((name) => name.trim()).filter((name) => /^[\w!#$%&'*+.^`|~-]+$/.test(name))
  return passedTrailers(
    tokens.flatMap((name) => [name, '']),
    rawHeaders,
  ).filter((_, at) => at % 2 === 0)
}

/** Whether the client accepts trailers (RFC 9110 §10.1.4). */
export function takesTrailers(rawHeaders: readonly string[]): boolean {
  const codings = fieldValues({ rawHeaders }, 'te').flatMap((value) => value.split(','))
  return codings.some((coding) => coding.trim().toLowerCase() === 'trailers')
}
