import { endToEndLines, takesTrailers } from '../headers/hop-by-hop.js'
import { isUntrusted, readsAsIdentity } from '../headers/names.js'

interface ForwardedHead {
  method: string
  rawHeaders: readonly string[]
  /** Who asks, as headers. */
  identity: Readonly<Record<string, string>>
  /** The upstream's own `Host`. */
  authority: string
  /** Where the client asked: the origin of the resource. */
  origin: URL
  remoteAddress: string | undefined
  /** Bytes of the content; undefined where there is none. */
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
 * The head that the upstream gets: the client's own lines as they were, without those that are of its connection or that only the
 * gateway writes; then who asks, and from where.
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

/** The head of an answer for the client: without what is of the connection, and without what was told to the upstream. */
export function responseHeaders(rawHeaders: readonly string[]): string[] {
  return endToEndLines(rawHeaders, readsAsIdentity)
}

/**
 * Whether a request is the last one of its connection. An API that leaves content unread would take it for the next request, and one
 * that sends content where there must be none would have it taken for the next answer.
 */
export function endsConnection(method: string, hasContent: boolean): boolean {
  return hasContent || method === 'HEAD'
}
