import { AAuthError } from '../lib/errors.js'

/** Maximum size of a form, in bytes. */
export const maxFormBytes = 65_536

/**
 * Parses `application/x-www-form-urlencoded` (RFC 6749 §3.2). Parameters must not be repeated, and empty ones count as absent.
 *
 * @throws AAuthError `media_type_unsupported`, `body_too_large`, `request_malformed`
 */
export function readForm(contentType: string | null, body: Uint8Array): ReadonlyMap<string, string> {
  if (!/^application\/x-www-form-urlencoded(?:\s*;.*)?$/i.test(contentType ?? '')) {
    throw new AAuthError('media_type_unsupported', 'Send the parameters as application/x-www-form-urlencoded.')
  }
  // A body that has already been read may exceed the requested limit.
  if (body.length > maxFormBytes) throw new AAuthError('body_too_large', `A form is limited to ${maxFormBytes} bytes.`)
  return readParameters(new URLSearchParams(new TextDecoder().decode(body)))
}

/** The parameters, which must not be repeated. Empty ones count as absent. */
export function readParameters(parameters: URLSearchParams): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  const names = new Set<string>()
  for (const [name, value] of parameters) {
    if (names.has(name)) throw new AAuthError('request_malformed', `The parameter ${name.slice(0, 40)} occurs twice.`)
    names.add(name)
    if (value !== '') values.set(name, value)
  }
  return values
}

/** Returns the value, or throws `request_malformed`. */
export function requireParameter(form: ReadonlyMap<string, string>, name: string): string {
  const value = form.get(name)
  if (value === undefined) throw new AAuthError('request_malformed', `The parameter ${name} is missing or empty.`)
  return value
}

const maxValues = 64
const maxValueLength = 128
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/

/**
 * The values in a space-separated scope string (RFC 6749 §3.3), in order and without duplicates. Undefined if the string is empty, contains
 * an invalid character, or has more than 64 values or a value longer than 128 characters.
 */
export function parseScope(text: string): string[] | undefined {
  if (text.length > maxValues * (maxValueLength + 1)) return undefined
  const named = text.split(' ')
  const values = named.length === 1 ? named : [...new Set(named)]
  return values.length <= maxValues && values.every((value) => scopeToken.test(value)) ? values : undefined
}

/** The parameters that an auth server adds to a redirect URI (RFC 6749 §4.1.2, RFC 9207). */
const answerParameters: ReadonlySet<string> = new Set([
  'code',
  'state',
  'iss',
  'error',
  'error_description',
  'error_uri',
])

/**
 * The parameter in a redirect URI's query that could be mistaken for a callback parameter; undefined if no parameter could. Names are
 * interpreted as leniently as any framework does: `%63ode`, `code[]`, `;code=` and `Code` also match.
 */
export function ownAnswerParameter(redirectUri: string): string | undefined {
  const query = new URL(redirectUri).search.slice(1)
  const names = query.split(/[&;]/).flatMap((pair) => [...new URLSearchParams(pair).keys()])
  return names
    .map((name) => name.trim().toLowerCase().split('[', 1)[0] ?? '')
    .find((name) => answerParameters.has(name))
}

/** The destination of a redirect: a web page, this machine, or an app with a private-use URI scheme (RFC 8252 §7). */
export type RedirectKind = 'web' | 'loopback' | 'app'

const loopbackHosts: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost'])

/** The kind of a redirect URI. Undefined if the text is not a valid redirect URI. */
export function redirectKind(uri: unknown): RedirectKind | undefined {
  if (typeof uri !== 'string' || uri.length > 2048 || !/^[\x21-\x7e]+$/.test(uri)) return undefined
  if (uri.includes('#') || !URL.canParse(uri)) return undefined
  const { protocol, hostname, username, password } = new URL(uri)
  if (username !== '' || password !== '') return undefined
  if (protocol === 'https:' || protocol === 'http:') {
    if (loopbackHosts.has(hostname)) return 'loopback'
    return protocol === 'https:' ? 'web' : undefined
  }
  return isAppScheme(protocol) && uri.startsWith(`${protocol}/`) ? 'app' : undefined
}

/**
 * The host of a redirect URI. An app's private-use scheme has no host, so the scheme itself is used. Loopback, the only host that may use
 * `http`, has a different port each time (W24).
 */
export function redirectHost(redirectUri: string): string {
  const { host, hostname, protocol } = new URL(redirectUri)
  if (protocol === 'http:') return hostname
  return host === '' ? protocol : host
}

// An app's private-use scheme is a reversed domain name (RFC 8252 §7.1); requiring a dot excludes schemes such as `javascript:`.
function isAppScheme(protocol: string): boolean {
  return /^[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+:$/.test(protocol)
}
