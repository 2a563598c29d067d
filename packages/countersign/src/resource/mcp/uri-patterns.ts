/** Whether a pattern, in which `*` stands for anything, matches a URI. */
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
 * Whether a URI is written in the one way that every reader keeps: servers parse it, which takes out tabs, resolves `/../` and
 * writes hosts in lower case, and turn it into names of files, which decodes what needed no encoding (RFC 3986 §6.2.2).
 */
export function isPlainUri(uri: string): boolean {
  // Longer ones take longer to compare than they are worth, and no client may send a fragment.
  if (uri.length > maxUriLength || !/^[\x21-\x7e]+$/.test(uri) || /[\\#]/.test(uri) || !URL.canParse(uri)) return false
  const { href } = new URL(uri)
  // A URL without a path is the only one that a parser completes.
  if (href !== uri && href !== `${uri}/`) return false
  // Templates of servers match over `?`, too, and what is not below an authority is not resolved by parsers.
  const [, rest = ''] = /^[a-z][a-z\d+.-]*:(?:\/\/[^/?]*)?(.*)$/i.exec(uri) ?? []
  if (/(?:^|[:/?&=;])\.{1,2}(?:$|[/?&;])/.test(rest) || rest.includes('//')) return false
  if (![...uri.matchAll(/%(..)?/g)].every(([, code = '']) => needsEncoding(code))) return false
  // Bytes that are not UTF-8, and a second layer of encoding, are decoded differently by different readers.
  const decoded = decodedUri(uri)
  return decoded !== undefined && !/%[\da-f]{2}|\p{Cc}/iu.test(decoded)
}

/** Characters. */
export const maxUriLength = 2048

/** Whether an octet has to be encoded in a path, and says nothing else than when it is not. */
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
 * A URI as the most lenient servers compare it: decoded, without regard to case or to characters that are not seen, and without what
 * Windows drops from file names.
 */
export function foldUri(uri: string): string {
  const decoded = (decodedUri(uri) ?? uri).replaceAll(/\p{Default_Ignorable_Code_Point}+/gu, '').normalize('NFKC')
  // Letters such as ı are lower case already, and share their capital with another one.
  const folded = decoded.toUpperCase().toLowerCase()
  return withoutSlash(folded.replaceAll(/::\$[a-z_]+/g, '').replaceAll(/(?<![ .])[ .]+(?=[/?#]|$)/g, ''))
}

/** Below the root of an authority. `notes://` is a scheme and stays. */
function withoutSlash(uri: string): string {
  return uri.replace(/(?<=[^:/])\/+$/, '')
}

/**
 * The folded readings of a URI that some servers have: with or without its query, the user and port of its authority, and parameters
 * behind `;`.
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
