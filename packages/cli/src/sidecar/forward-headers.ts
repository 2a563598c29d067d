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
 * The headers of an answer, for the program. A place that it is sent on to is asked through the sidecar as well, and a cookie
 * is the host's that gave it, although the program sees one host for all.
 *
 * @throws RangeError with the host of a place that is not asked (attacks L11)
 */
export function responseHeaders(
  { status, headers }: Response,
  target: AskedTarget,
  hosts: ReadonlySet<string>,
): [name: string, value: string][] {
  const kept = [...headers].filter(([name]) => !ofCoding.has(name) && !notForwarded.has(name))
  return kept.map(([name, value]) => {
    if (name === 'location')
      return [name, placeFor(value, target, { hosts, isFollowed: status >= 300 && status < 400 })]
    return name === 'set-cookie' && target.form === 'path' ? [name, ownCookie(value, target)] : [name, value]
  })
}

function placeFor(
  location: string,
  { url, form }: AskedTarget,
  { hosts, isFollowed }: { hosts: ReadonlySet<string>; isFollowed: boolean },
): string {
  const to = URL.canParse(location, url.href) ? new URL(location, url) : undefined
  const isAsked = to && hosts.has(to.host) && (to.protocol === 'https:' || to.protocol === url.protocol)
  if (isAsked) return form === 'path' ? `/${to.href}` : to.href.replace(/^https:/, 'http:')
  // Programs go there by themselves only where the answer sends them on.
  if (!isFollowed) return location
  throw new RangeError(to?.host ?? 'a place that cannot be read')
}

/** Below the path of its host, and without what a program keeps it back for on this machine. */
function ownCookie(cookie: string, { url }: AskedTarget): string {
  const [pair = '', ...attributes] = cookie.split(';').map((part) => part.trim())
  const nameOf = (attribute: string) => attribute.split('=', 1)[0]?.trim().toLowerCase() ?? ''
  const path = attributes.find((attribute) => nameOf(attribute) === 'path')?.replace(/^[^=]*=?\s*/, '') ?? ''
  const own = path.startsWith('/') ? path : url.pathname.replace(/\/[^/]*$/, '') || '/'
  const others = attributes.filter((attribute) => !['path', 'domain', 'secure', 'samesite'].includes(nameOf(attribute)))
  return [pair, `Path=/${url.origin}${own}`, ...others].join('; ')
}

function connectionOptions(rawHeaders: readonly string[]): Set<string> {
  const values = pairs(rawHeaders).filter(([name]) => name.toLowerCase() === 'connection')
  return new Set(values.flatMap(([, value]) => value.split(',').map((option) => option.trim().toLowerCase())))
}

function pairs(rawHeaders: readonly string[]): [name: string, value: string][] {
  return rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [[name, rawHeaders[at + 1] ?? ''] as [string, string]] : []))
}
