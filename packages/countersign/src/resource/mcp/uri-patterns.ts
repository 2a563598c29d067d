/** Whether a URI matches a pattern, in which `*` matches any characters. */
export function fits(pattern: string, uri: string): boolean {
  const parts = pattern.split('*')
  const first = parts[0] ?? ''
  const last = parts.at(-1) ?? ''
  if (uri.length < first.length + last.length || !uri.startsWith(first) || !uri.endsWith(last)) return false
  let from = first.length
  for (const part of parts.slice(1, -1)) {
    const at = uri.indexOf(part, from)
    if (at === -1) return false
    from = at + part.length
  }
  return from <= uri.length - last.length
}

/**
 * Whether a URI is written in the canonical form that no server changes. Servers parse URIs, which removes tabs, resolves `/../` and
 * lower-cases hosts. They also convert URIs to file names, which decodes needlessly encoded characters (RFC 3986 §6.2.2).
 */
export function isPlainUri(uri: string): boolean {
  // Longer URIs take too long to compare, and clients must not send fragments.
  if (uri.length > maxUriLength || !/^[\x21-\x7e]+$/.test(uri) || /[\\#]/.test(uri) || !URL.canParse(uri)) return false
  const { href } = new URL(uri)
  // Parsers complete a URL only if it has no path.
  if (href !== uri && href !== `${uri}/`) return false
  // Server-side URI templates also match across `?`, and parsers do not resolve dot segments in a URI without an authority.
  const [, rest = ''] = /^[a-z][a-z\d+.-]*:(?:\/\/[^/?]*)?(.*)$/i.exec(uri) ?? []
  if (/(?:^|[:/?&=;])\.{1,2}(?:$|[/?&;])/.test(rest) || rest.includes('//')) return false
  if (![...uri.matchAll(/%(..)?/g)].every(([, code = '']) => needsEncoding(code))) return false
  // Parsers differ in how they decode bytes that are not UTF-8, and doubly encoded characters.
  const decoded = decodedUri(uri)
  return decoded !== undefined && !/%[\da-f]{2}|\p{Cc}/iu.test(decoded)
}

/** Characters. */
export const maxUriLength = 2048

/** Whether an octet must be encoded in a path and has the same meaning as its unencoded form. */
function needsEncoding(code: string): boolean {
  if (!/^[\da-f]{2}$/i.test(code)) return false
  const character = String.fromCharCode(Number.parseInt(code, 16))
  return !/[\w.~/\\-]/.test(character)
}

function decodedUri(uri: string): string | undefined {
  try {
    return decodeURIComponent(uri)
  } catch {
    return undefined
  }
}

/**
 * A URI in the form in which the most lenient servers compare it: decoded, ignoring case and invisible characters, and without the
 * characters that Windows drops from file names.
 */
export function foldUri(uri: string): string {
  const decoded = (decodedUri(uri) ?? uri).replaceAll(/\p{Default_Ignorable_Code_Point}+/gu, '').normalize('NFKC')
  // Letters such as ı are already lower case, but have the same capital as another letter.
  const folded = decoded.toUpperCase().toLowerCase()
  return withoutSlash(folded.replaceAll(/::\$[a-z_]+/g, '').replaceAll(/(?<![ .])[ .]+(?=[/?#]|$)/g, ''))
}

/** Removes trailing slashes, except at the root of an authority: `notes://` is a scheme and is kept. */
function withoutSlash(uri: string): string {
  return uri.replace(/(?<=[^:/])\/+$/, '')
}

/**
 * The folded forms in which some servers interpret a URI: with or without its query, the user and port of its authority, and parameters
 * after `;`.
 */
export function uriReadings(uri: string): readonly string[] {
  const folded = foldUri(uri)
  const withoutQuery = folded.split(/[?#]/, 1)[0] ?? ''
  const readings = [folded, withoutQuery, withoutQuery.replaceAll(/;[^/]*/g, '')].flatMap((reading) => [
    reading,
    reading.replace(/^([^/?#]*:\/\/)(?:[^/?#@]*@)?([^/?#:]*)(?::\d*)?(?=[/?#]|$)/, '$1$2'),
  ])
  return [...new Set(readings.map(withoutSlash))]
}
