import type { AskedTarget } from './judge-request.js'
import { isSecretIn } from './judge-request.js'

/** Of one connection only, or made anew by who sends (RFC 9110 §7.6.1). */
const notForwarded: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'host',
  'content-length',
  // The agent's own.
  'signature',
  'signature-input',
  'signature-key',
  'content-digest',
  'nonce',
])

/** What the platform has done already to a body that it gives. */
const ofCoding: ReadonlySet<string> = new Set(['content-encoding', 'content-length', 'transfer-encoding'])

/** The headers of a program's request that go on: neither the secret, nor what is of the connection. */
export function requestHeaders(rawHeaders: readonly string[], secret: string | undefined): Headers {
  const headers = new Headers()
  const named = connectionOptions(rawHeaders)
  for (const [name, value] of pairs(rawHeaders)) {
    const lower = name.toLowerCase()
    if (notForwarded.has(lower) || named.has(lower)) continue
    if (lower === 'authorization' && secret !== undefined && isSecretIn(value, secret)) continue
    headers.append(name, value)
  }
  return headers
}

/**
 * The headers of an answer, for the program. A place that it is sent on to is asked through the sidecar as well.
 *
 * @throws RangeError with the host of a place that is not asked (attacks L11)
 */
export function responseHeaders(
  headers: Headers,
  { url, form }: AskedTarget,
  hosts: ReadonlySet<string>,
): [name: string, value: string][] {
  const kept = [...headers].filter(([name]) => !ofCoding.has(name) && !notForwarded.has(name))
  return kept.map(([name, value]) => [name, name === 'location' ? placeFor(value, { url, form }, hosts) : value])
}

function placeFor(location: string, { url, form }: AskedTarget, hosts: ReadonlySet<string>): string {
  if (!URL.canParse(location, url.href)) return location
  const to = new URL(location, url)
  if (!hosts.has(to.host) || (to.protocol !== 'https:' && to.protocol !== url.protocol)) throw new RangeError(to.host)
  return form === 'path' ? `/${to.href}` : to.href.replace(/^https:/, 'http:')
}

function connectionOptions(rawHeaders: readonly string[]): Set<string> {
  const values = pairs(rawHeaders).filter(([name]) => name.toLowerCase() === 'connection')
  return new Set(values.flatMap(([, value]) => value.split(',').map((option) => option.trim().toLowerCase())))
}

function pairs(rawHeaders: readonly string[]): [name: string, value: string][] {
  return rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [[name, rawHeaders[at + 1] ?? ''] as [string, string]] : []))
}
