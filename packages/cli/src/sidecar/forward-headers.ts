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
  // The platform asks for codings that it takes off again, and says how it fetches.
  'accept-encoding',
  'sec-fetch-mode',
  // The agent's own.
  'signature',
  'signature-input',
  'signature-key',
  'content-digest',
  'nonce',
])

/** Codings that the platform takes off a body; where there is another one among them, it takes off none (Fetch). */
const takenOff: ReadonlySet<string> = new Set(['gzip', 'x-gzip', 'deflate', 'br'])

/** An answer that a program cannot be given; the message goes on after the name of the host. */
export class UnfitAnswer extends Error {
  readonly code: 'host_not_allowed' | 'not_answered'

  constructor(code: UnfitAnswer['code'], message: string) {
    super(message)
    this.name = 'UnfitAnswer'
    this.code = code
  }
}

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
 * @throws UnfitAnswer for a place that is not asked (attacks L11), and for a coding that nobody asked for
 */
export function responseHeaders(
  response: Response,
  target: AskedTarget & { method: string },
  hosts: ReadonlySet<string>,
): [name: string, value: string][] {
  const { status, headers } = response
  const isAsItWas = !isTakenOff(response, target.method)
  const kept = [...headers].filter(([name]) => (ofBody.has(name) ? isAsItWas : !notForwarded.has(name)))
  return kept.map(([name, value]) => {
    if (name === 'location')
      return [name, placeFor(value, target, { hosts, isFollowed: status >= 300 && status < 400 })]
    return name === 'set-cookie' && target.form === 'path' ? [name, ownCookie(value, target)] : [name, value]
  })
}

/** What fits a body only as it came. */
const ofBody: ReadonlySet<string> = new Set(['content-encoding', 'content-length'])

/** Whether the body is given without the codings that it came with. */
function isTakenOff({ body, headers }: Response, method: string): boolean {
  const codings = (headers.get('content-encoding') ?? '')
    .toLowerCase()
    .split(',')
    .map((each) => each.trim())
  if (body === null || method === 'HEAD' || codings.join('') === '') return false
  // Some versions take it off, and others do not.
  if (codings.includes('zstd'))
    throw new UnfitAnswer('not_answered', 'answered in a coding that nobody asked for: zstd.')
  return codings.every((coding) => takenOff.has(coding))
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
  const place = to?.host ?? 'a place that cannot be read'
  throw new UnfitAnswer('host_not_allowed', `sends on to ${place}, which this sidecar does not ask.`)
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
