import { fieldValues } from 'countersign/signatures'

/**
 * A header name as the most lenient server reads it. CGI and WSGI ignore case and do not distinguish `-` and `_`; some servers treat every
 * other special character the same way.
 */
export function plainName(name: string): string {
  const lower = name.toLowerCase()
  return /[^a-z0-9-]/.test(lower) ? lower.replaceAll(/[^a-z0-9]/g, '-') : lower
}

/** The letters of a name, in lower case. */
export function lettersOf(name: string): string {
  return (/[^A-Za-z]/.test(name) ? name.replaceAll(/[^A-Za-z]+/g, '') : name).toLowerCase()
}

const who = '(?:client|remote|real|originating|connecting|connection|proxyuser|socket|peer|external|pseudo)'

/**
 * Headers that only proxies may set: the origin of a request (`X-Forwarded-For`, `Client-IP`, `X-Remote-Addr`, `X-Host`), and how to send
 * files (`X-Accel-Mapping`). Only their letters are listed.
 */
const origin = new RegExp(
  `^x?(?:original|vercel)?forwarded|${who}(?:ipv?|(?:ip)?addr(?:ess)?)$|userip$|^x(?:client|(?:original)?host|sendfiletype|accelmapping)$`,
)

export const target = '(?:method|verb|ur[il]|path|pathinfo|prefix|query|scriptname)'
export const instead =
  '(?:original|tunnell?ed|rest|rewrit(?:e|ten)|over+ide|forwarded|invoke|matched|unencoded|destination|request|proxy|real|astro|traversal)'

/** Headers by which Next.js and Vercel control their own routing. */
export const internal = 'x(?:invoke(?:output|status)|nowroutematches|middleware(?:subrequest|rewrite|invoke|next))'

/** `X-Original-URL`, `X-HTTP-Method-Override`, Rack's `X-Accel-Mapping`, and similar headers. Only their letters are listed. */
const named = new RegExp(
  [
    `^x(?:http|envoy|ms|waws|appengine)*${instead}+${target}$`,
    `^x(?:http|gdata)?${target}over+ide$|^(?:http)?methodover+ide$`,
    '^x(?:(?:http)?(?:method|verb)|sendfiletype|accelmapping)$',
    `^${internal}$`,
  ].join('|'),
)

/** Variables in which CGI and WSGI servers pass the request line to a program. Only their letters are listed. */
const variables =
  /^(?:http)?x?(?:scriptname|scriptfilename|pathinfo|pathtranslated|querystring|requestmethod|requesturi|documentroot)$/

/**
 * Whether any framework takes the method or path from a parameter, form field or JSON member: `_method` in any spelling, or the name of
 * such a header. `method` on its own, or after another word, is the API's own data.
 */
export function namesAnotherRequest(name: string): boolean {
  return underscored.test(name) || named.test(lettersOf(name))
}

/** PHP converts a dot, a space and `[` to `_`, and truncates a name at NUL; other frameworks drop brackets, or nest names at a dot. */
const underscored = /^[^a-z0-9]+(?:http[^a-z]*)?method[^a-z]*(?:over+ide[^a-z]*)?(?:$|\0|\[|\.)/i

const none: ReadonlySet<string> = new Set()

/** The header names that `Connection` declares as hop-by-hop, in lower case (RFC 9110 §7.6.1). */
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

/** What the name of a header says about it. */
export interface NameTraits {
  /** The name in lower case. */
  lower: string
  /** Whether all servers read the name in the same way, because it contains only letters, digits and `-`. */
  isPlain: boolean
  /** Whether the header is always hop-by-hop, regardless of what `Connection` declares. */
  isHopByHop: boolean
  /** Whether a server may confuse it with one that only the gateway sets (G01). Some treat any character except letters and digits as `-`. */
  isIdentity: boolean
  /** Whether any framework takes the method or path from it instead of the request line (G02). */
  isOverride: boolean
  /**
   * Whether it must not reach the API if a client sent it: headers with the client's address; `Proxy`, which becomes `HTTP_PROXY`
   * (httpoxy); and any name that some servers confuse with another one, such as `SCRIPT_NAME`.
   */
  isUntrusted: boolean
}

/** The traits of names that were seen before. Requests contain the same few names. */
const knownTraits = new Map<string, NameTraits>()
const mostKnown = 1000
const longestKnown = 64

export function traitsOf(name: string): NameTraits {
  const known = knownTraits.get(name)
  if (known) return known
  const lower = name.toLowerCase()
  const letters = lettersOf(name)
  const isPlain = /^[a-z0-9-]+$/.test(lower)
  const traits = {
    lower,
    isPlain,
    isHopByHop: hopByHop.has(lower),
    isIdentity: /^[^a-z0-9]*x[^a-z0-9]+aauth(?![a-z0-9])/.test(lower),
    isOverride: named.test(letters) || variables.test(letters),
    isUntrusted: !isPlain || letters === 'proxy' || origin.test(letters),
  }
  if (knownTraits.size >= mostKnown) knownTraits.clear()
  if (name.length <= longestKnown) knownTraits.set(name, traits)
  return traits
}

/** The end-to-end header lines of a message, unchanged, as alternating names and values. */
function endToEndLines(
  rawHeaders: readonly string[],
  isDropped: (traits: NameTraits, value: string) => boolean,
): string[] {
  const options = connectionOptions(rawHeaders)
  const kept: string[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    const value = rawHeaders[at + 1] as string
    const traits = traitsOf(name)
    if (!traits.isHopByHop && !options.has(traits.lower) && !isDropped(traits, value)) kept.push(name, value)
  }
  return kept
}

/**
 * Fields for framing, routing, authentication, caching and content. In trailers they arrive too late, and a recipient that merges trailers
 * into the headers would trust them (RFC 9110 §6.5.1).
 */
const ofHead =
  /^(?:access-control-.+|(?:.+-)?cache-control|age|authorization|content-(?:encoding|length|range|security-policy|type)|cookie|date|edge-control|expires|host|location|max-forwards|pragma|retry-after|set-cookie2?|strict-transport-security|surrogate-control|vary|www-authenticate|x-accel-.+|x-litespeed-.+|x-reverse-proxy-ttl)$/

/**
 * The response trailers that the gateway forwards, as alternating names and values.
 *
 * @param ofEdition the response headers of the resource's edition
 */
export function passedTrailers(
  rawTrailers: readonly string[],
  rawHeaders: readonly string[],
  ofEdition: readonly string[],
): string[] {
  const dropped = new Set(ofEdition.map(plainName))
  const options = connectionOptions(rawHeaders)
  return endToEndLines(
    rawTrailers,
    ({ lower, isIdentity }) =>
      options.has(lower) || isIdentity || ofHead.test(plainName(lower)) || dropped.has(plainName(lower)),
  )
}

/** The names of announced response trailers that the gateway forwards: see {@link passedTrailers}. */
export function announcedTrailers(rawHeaders: readonly string[], ofEdition: readonly string[]): string[] {
  const names = fieldValues({ rawHeaders }, 'trailer').flatMap((value) => value.split(','))
  const tokens = names.map((name) => name.trim()).filter((name) => /^[\w!#$%&'*+.^`|~-]+$/.test(name))
  return passedTrailers(
    tokens.flatMap((name) => [name, '']),
    rawHeaders,
    ofEdition,
  ).filter((_, at) => at % 2 === 0)
}

/** Whether the client accepts trailers (RFC 9110 §10.1.4). */
function takesTrailers(rawHeaders: readonly string[]): boolean {
  const codings = fieldValues({ rawHeaders }, 'te').flatMap((value) => value.split(','))
  return codings.some((coding) => coding.trim().toLowerCase() === 'trailers')
}

interface ForwardedHead {
  method: string
  rawHeaders: readonly string[]
  /** The headers that identify the caller. */
  identity: Readonly<Record<string, string>>
  /** The `Host` that the upstream receives. */
  host: string
  /** The origin of the resource to which the client sent the request. */
  origin: URL
  remoteAddress: string | undefined
  /** Content length in bytes; undefined if there is no content. */
  length: number | undefined
  isUpgrade: boolean
  /** Whether the connection closes after the request. */
  isLast: boolean
  withheld: Withheld
}

/**
 * Methods that need no framing header if there is no content. For any other method, Node.js would add `Transfer-Encoding: chunked` and an
 * empty last chunk. A server that does not read the content would parse that chunk as the start of the next request (G19).
 */
const unframed: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS'])

/**
 * The headers for the upstream: first the client's end-to-end lines, unchanged, except those that only the gateway sets; then the headers
 * with the caller's identity and address.
 */
export function forwardedHeaders(head: ForwardedHead): string[] {
  const { method, rawHeaders, identity, host, origin, remoteAddress, length, isUpgrade, isLast, withheld } = head
  const isDropped = (traits: NameTraits, value: string) => isWrittenHere(traits) || isWithheld(traits, value, withheld)
  const lines = ['Host', host, ...endToEndLines(rawHeaders, isDropped)]
  if (length !== undefined || !unframed.has(method)) lines.push('Content-Length', String(length ?? 0))
  if (isUpgrade) lines.push('Connection', 'Upgrade', 'Upgrade', 'websocket')
  else {
    const hasTrailers = takesTrailers(rawHeaders)
    if (hasTrailers) lines.push('TE', 'trailers')
    const options = [...(isLast ? ['close'] : []), ...(hasTrailers ? ['TE'] : [])]
    if (options.length > 0) lines.push('Connection', options.join(', '))
  }
  for (const [name, value] of Object.entries(identity)) lines.push(name, value)
  if (remoteAddress !== undefined) lines.push('X-Forwarded-For', remoteAddress)
  lines.push('X-Forwarded-Host', origin.host, 'X-Forwarded-Proto', origin.protocol.slice(0, -1))
  return lines
}

function isWrittenHere({ lower, isIdentity, isUntrusted }: NameTraits): boolean {
  return isIdentity || isUntrusted || lower === 'host' || lower === 'content-length'
}

/**
 * The `Authorization` headers that the API does not receive. `all`: the path accepts OAuth. `tokens`: another path of the gateway does, and
 * the API could redirect a client to this one, or the client could use the wrong path, so that no bearer token is forwarded.
 */
export type Withheld = 'tokens' | 'all' | undefined

/** Whether a header may contain a client's credentials for the gateway, which are never the API's. */
export function isWithheld({ lower }: NameTraits, value: string, withheld: Withheld): boolean {
  const isToken = () => withheld === 'tokens' && /(?<![\w-])bearer(?![\w-])/i.test(value)
  return lower === 'authorization' && (withheld === 'all' || isToken())
}

/**
 * The response headers for the client: the end-to-end headers, except those that identify the caller.
 *
 * @param acceptsOAuth whether clients may use OAuth, which would treat the API's own challenge as the gateway's
 */
export function responseHeaders(rawHeaders: readonly string[], acceptsOAuth: boolean): string[] {
  const isChallenge = (lower: string) => plainName(lower) === 'www-authenticate'
  return endToEndLines(rawHeaders, ({ lower, isIdentity }) => isIdentity || (acceptsOAuth && isChallenge(lower)))
}

/** Replaces the upstream's address in a response's redirects. The headers are given as alternating names and values. */
export type RedirectRewrite = (headers: readonly string[]) => string[]

/**
 * Creates a function that replaces the origin of the URLs in `Location`, `Content-Location` and `Refresh` with the resource's origin. It
 * does so only if the API may believe the URL's origin to be its own: `http` or `https`, with the host and port of the upstream or of the
 * resource. The rest of the URL stays the same byte for byte. Other URLs are left unchanged, including URLs with a username or a different
 * port, and URLs that parsers interpret differently (G55).
 */
export function createRedirectRewrite(origin: URL, upstream: URL): RedirectRewrite {
  const own = new Set([origin, upstream].flatMap(authoritiesOf))
  const rewrite = (url: string): string => {
    const [start, authority] = (/^(?:https?:)?\/\/([^/?#]*)/i.exec(url) ?? ['', '']) as [string, string]
    return own.has(authority.toLowerCase()) ? origin.origin + url.slice(start.length) : url
  }
  return (headers) =>
    headers.map((value, at) => {
      const name = at % 2 === 1 ? (headers[at - 1] as string) : ''
      if (/^(?:content-)?location$/i.test(name)) return rewrite(value)
      return /^refresh$/i.test(name) ? refreshTo(value, rewrite) : value
    })
}

/** The host and port of a URL. A default port is optional. */
function authoritiesOf({ host, hostname, port, protocol }: URL): string[] {
  return port === '' ? [host, `${hostname}:${protocol === 'https:' ? 443 : 80}`] : [host]
}

/** Rewrites the URL of a `Refresh` header: a delay in seconds, then a URL, which may be quoted. */
function refreshTo(value: string, rewrite: (url: string) => string): string {
  const [start, quote] = /[\d.\s]*[;,]?\s*(?:url\s*=\s*)?(["']?)/i.exec(value) as unknown as [string, string]
  const rest = value.slice(start.length)
  const [url] = (quote === '' ? [rest] : rest.split(quote, 1)) as [string]
  return start + rewrite(url) + rest.slice(url.length)
}

/**
 * Whether the connection must close after a request. Otherwise, the API would parse unread content as the next request, and content in a
 * response to HEAD would be parsed as the next response.
 */
export function endsConnection(method: string, hasContent: boolean): boolean {
  return hasContent || method === 'HEAD'
}
