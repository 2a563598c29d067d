/** Maximum length of a resource identifier, like that of any identifier. */
const maxLength = 512

/** The parts of a resource identifier in comparable form. */
interface ResourceParts {
  /** Scheme and host in lower case, without the default port. */
  origin: string
  /** Begins with `/`. */
  path: string
  /** Empty, or begins with `?`. */
  query: string
}

/**
 * Parses a resource identifier (RFC 8707 §2): an absolute `https` or `http` URL without fragment. Undefined for anything else, and for a
 * host or path that a URL parser would change beyond that, because parties would disagree about which resource it names.
 */
function parseResource(text: string): ResourceParts | undefined {
  if (text.length > maxLength || !/^[\x21-\x7e]+$/.test(text)) return undefined
  const [, authority, rest = ''] = /^(https?:\/\/[^/?#]+)([/?][^#\\]*)?$/i.exec(text) ?? []
  if (authority === undefined || !URL.canParse(text)) return undefined
  const { origin, protocol, pathname: path, search: query } = new URL(text)
  const defaultPort = protocol === 'https:' ? 443 : 80
  if (![origin, `${origin}:${defaultPort}`].includes(authority.toLowerCase())) return undefined
  const written = rest.startsWith('/') ? rest : `/${rest}`
  return written === path + query ? { origin, path, query } : undefined
}

/**
 * The form of a resource identifier for comparison only: scheme and host in lower case, no default port, `/` for an empty
 * path, and without one trailing slash of the path. Undefined if the text is not a resource identifier.
 *
 * Stored and issued is always the string in the resource's own document.
 */
export function canonicalResource(text: string): string | undefined {
  const parts = parseResource(text)
  return parts && `${parts.origin}${parts.path.replace(/\/$/, '')}${parts.query}`
}

/** Returns what all spellings of a resource have in common, to group by; the text itself if it is not a resource identifier. */
export function resourceKey(text: string): string {
  return canonicalResource(text) ?? text
}

/** Whether two texts have the same {@link resourceKey}. */
export function haveSameKey(one: string, other: string): boolean {
  return one === other || resourceKey(one) === resourceKey(other)
}

/** Whether two texts identify the same resource. False if either is not a resource identifier. */
export function sameResource(one: string, other: string): boolean {
  const canonical = canonicalResource(one)
  return canonical !== undefined && canonical === canonicalResource(other)
}

/**
 * The URL of a resource's metadata (RFC 9728 §3.1): the well-known path between host and path, without the path if it is
 * only `/`, and with the query. Undefined if the text is not a resource identifier.
 */
export function metadataUrlOf(resource: string): string | undefined {
  const parts = parseResource(resource)
  if (!parts) return undefined
  const { origin, path, query } = parts
  return `${origin}/.well-known/oauth-protected-resource${path === '/' ? '' : path}${query}`
}
