import { AAuthError } from 'countersign/resource'
import { requireTarget } from 'countersign/wire'

/** Letters, digits, and `-._~` (RFC 3986 §2.3). */
const needlesslyEncoded = /%(?:2[de]|3\d|4[1-9a-f]|5[\daf]|6[1-9a-f]|7[\dae])/i

/**
 * The segments of the path of a raw target that everybody reads in one way. Refused is what some servers read as another path:
 * `//`, dot segments, encoded slashes and encoded characters that need none (W29), what is not UTF-8, and the same under further
 * layers of encoding or behind `;`.
 *
 * @throws AAuthError `target_ambiguous`
 */
export function requirePlainPath(rawTarget: string): readonly string[] {
  const { path } = requireTarget(rawTarget)
  const problem = ambiguityOf(path)
  if (problem !== undefined)
    throw new AAuthError(
      'target_ambiguous',
      `The path has ${problem}: send it as a URL parser would, with one way to read it.`,
    )
  return path.slice(1).split('/')
}

/** What makes a path one that can be read in two ways; undefined where nothing does. */
export function ambiguityOf(path: string): string | undefined {
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return 'a % that encodes nothing'
  const needless = needlesslyEncoded.exec(path)?.[0]
  if (needless !== undefined) return `encoded characters that need no encoding, such as ${needless}`
  if (decodeLayer(path) === undefined) return 'bytes that are not UTF-8'
  const segments = path.slice(1).split('/')
  for (const [at, segment] of segments.entries()) {
    const isLast = at === segments.length - 1
    if (segment === '' && !isLast) return 'an empty segment'
    const read = fullyDecoded(segment)
    if (/[/\\\p{Cc}]/u.test(read)) return 'an encoded slash or control character'
    const name = nameOf(read).replaceAll(/\s+/g, '')
    if (/^\.+$/.test(name)) return 'a dot segment'
    if (name === '' && segment !== '' && !isLast) return 'a segment without a name'
  }
  return undefined
}

/**
 * As the most lenient of servers read a segment: decoded until nothing is left to decode, letters in their plain form, and nothing of what
 * is not seen, such as soft hyphens.
 */
export function fullyDecoded(segment: string): string {
  let read = segment
  for (let layer = 0; layer < 5 && read.includes('%'); layer++) {
    const decoded = decodeLayer(read)
    // What is below the outermost layer may be a text with a percent sign.
    if (decoded === undefined) break
    read = decoded
  }
  return read.replaceAll(/\p{Default_Ignorable_Code_Point}+/gu, '').normalize('NFKC')
}

function decodeLayer(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}

/** What is before parameters of a segment, a query, a fragment, or the stream of a file (`::$DATA`). In time that grows with the text. */
export function nameOf(decoded: string): string {
  const colon = decoded.indexOf(':')
  const stream = colon >= 0 && decoded.lastIndexOf('$') > colon ? colon : decoded.length
  const parameters = decoded.search(/[;?#]/)
  return decoded.slice(0, parameters < 0 ? stream : Math.min(parameters, stream))
}
