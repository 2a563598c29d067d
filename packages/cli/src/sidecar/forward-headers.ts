import type { SidecarTarget } from './check-request.js'
import { isSecretIn } from './check-request.js'

/** Hop-by-hop headers, and headers that each sender sets itself (RFC 9110 §7.6.1). */
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
  // The platform sets these itself, because it requests only the codings that it can decode.
  'accept-encoding',
  'sec-fetch-mode',
  // Set by the agent.
  'signature',
  'signature-input',
  'signature-key',
  'content-digest',
  'nonce',
])

/** Content codings that the platform decodes. If a body also has any other coding, the platform decodes none of them (Fetch). */
const takenOff: ReadonlySet<string> = new Set(['gzip', 'x-gzip', 'deflate', 'br'])

/** A response that cannot be passed to the program. The message continues a sentence that starts with the host. */
export class UnforwardableResponse extends Error {
  readonly code: 'host_not_allowed' | 'not_answered'

  constructor(code: UnforwardableResponse['code'], message: string) {
    super(message)
    this.name = 'UnforwardableResponse'
    this.code = code
  }

  /** Returns what the program gets instead of this host's response. */
  refusal(host: string) {
    return { status: 502, error: this.code, problem: `${host} ${this.message}` }
  }
}

/** Returns the headers of a program's request that are forwarded: all except the secret and the hop-by-hop headers. */
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
 * Returns the response headers for the program. Redirects are rewritten to pass through the sidecar, and cookies are scoped to the host
 * that set them, because the program sees only one host.
 *
 * @throws UnforwardableResponse for a redirect to a host that is not allowed (attacks L11), and for a content coding that was not requested
 */
export function responseHeaders(
  response: Response,
  target: SidecarTarget & { method: string },
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

/** Headers that apply only to the body before decoding. */
const ofBody: ReadonlySet<string> = new Set(['content-encoding', 'content-length'])

/** Whether the platform has decoded the body. */
function isTakenOff({ body, headers }: Response, method: string): boolean {
  const codings = (headers.get('content-encoding') ?? '')
    .toLowerCase()
    .split(',')
    .map((each) => each.trim())
  if (body === null || method === 'HEAD' || codings.join('') === '') return false
  // Some Node.js versions decode zstd; others do not.
  if (codings.includes('zstd'))
    throw new UnforwardableResponse('not_answered', 'sent a content coding that was not requested: zstd.')
  return codings.every((coding) => takenOff.has(coding))
}

function placeFor(
  location: string,
  { url, form }: SidecarTarget,
  { hosts, isFollowed }: { hosts: ReadonlySet<string>; isFollowed: boolean },
): string {
  const to = URL.canParse(location, url.href) ? new URL(location, url) : undefined
  const isAsked = to && hosts.has(to.host) && (to.protocol === 'https:' || to.protocol === url.protocol)
  if (isAsked) return form === 'path' ? `/${to.href}` : to.href.replace(/^https:/, 'http:')
  // Programs follow Location automatically only if the response is a redirect.
  if (!isFollowed) return location
  const place = to?.host ?? 'an invalid URL'
  throw new UnforwardableResponse(
    'host_not_allowed',
    `redirects to ${place}, which this sidecar is not allowed to call.`,
  )
}

/** Scopes a cookie to its host's path, and removes the attributes that would keep programs on this machine from sending it. */
function ownCookie(cookie: string, { url }: SidecarTarget): string {
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
