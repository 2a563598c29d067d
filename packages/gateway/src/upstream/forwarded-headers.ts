import { endToEndLines, takesTrailers } from '../headers/hop-by-hop.js'
import { isUntrusted, readsAsIdentity } from '../headers/names.js'

interface ForwardedHead {
  method: string
  rawHeaders: readonly string[]
  /** The headers that identify the caller. */
  identity: Readonly<Record<string, string>>
  /** The upstream's own `Host`. */
  authority: string
  /** The origin of the resource, to which the client sent the request. */
  origin: URL
  remoteAddress: string | undefined
  /** Length of the content in bytes; undefined if there is none. */
  length: number | undefined
  isUpgrade: boolean
  /** Whether the connection ends with it. */
  isLast: boolean
}

/**
 * Methods that are sent without any framing if there is no content. For every other one Node.js would add `Transfer-Encoding: chunked` and
 * an empty last chunk, which a server that reads no content takes for the start of the next request (G19).
 */
const unframed: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS'])

/**
 * The headers for the upstream: the end-to-end lines of the client, unchanged, without those that only the gateway sets; then the headers
 * that identify the caller and its address.
 */
export function forwardedHeaders(head: ForwardedHead): string[] {
  const { method, rawHeaders, identity, authority, origin, remoteAddress, length, isUpgrade, isLast } = head
  const lines = ['Host', authority, ...endToEndLines(rawHeaders, isWrittenHere)]
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

function isWrittenHere(name: string): boolean {
  return /^(?:host|content-length)$/i.test(name) || readsAsIdentity(name) || isUntrusted(name)
}

/** The headers of a response for the client: end-to-end, without those that identify the caller. */
export function responseHeaders(rawHeaders: readonly string[]): string[] {
  return endToEndLines(rawHeaders, readsAsIdentity)
}

/**
 * Whether a request is the last one of its connection. An API that does not read content would take it for the next request. Content of a
 * response to HEAD would be taken for the next response.
 */
export function endsConnection(method: string, hasContent: boolean): boolean {
  return hasContent || method === 'HEAD'
}
