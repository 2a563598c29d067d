import { parseScope } from '../../protocol/parameters.js'

/**
 * Which scopes what a server offers needs, space-separated; an empty text: none beyond what every use needs. What is not
 * listed is refused (attacks M03).
 */
export interface McpTable {
  /** By the names of tools. */
  tools?: Readonly<Record<string, string>> | undefined
  /** By the URIs of resources; `*` stands for anything, and the longest that fits counts: `notes://private/*`. */
  resources?: Readonly<Record<string, string>> | undefined
  /** By the names of prompts. */
  prompts?: Readonly<Record<string, string>> | undefined
  /** By the names of methods that are none of MCP's own, such as those of an extension. */
  methods?: Readonly<Record<string, string>> | undefined
}

const kinds = ['tools', 'resources', 'prompts', 'methods'] as const

/** @throws TypeError for a table that cannot be meant */
export function requireMcpTable(table: McpTable): void {
  for (const kind of kinds) {
    const rules = table[kind] ?? {}
    if (typeof rules !== 'object' || Array.isArray(rules))
      throw new TypeError(`${kind} must be an object, such as { ${kind}: { name: 'data.read' } }`)
    for (const [name, scope] of Object.entries(rules))
      if (typeof scope !== 'string' || (scope !== '' && !parseScope(scope)))
        throw new TypeError(`${kind}: the scope of ${name} must be a text, such as 'data.read', or '' for none`)
  }
  for (const uri of Object.keys(table.resources ?? {}))
    if (!isPlainUri(uri.replaceAll('*', 'x')))
      throw new TypeError(`resources: ${uri} is no URI as servers write it, such as notes://mine/* or file:///srv/*`)
}

/** All scopes that a table names. */
export function scopesOf(table: McpTable): string[] {
  return [...new Set(kinds.flatMap((kind) => Object.values(table[kind] ?? {})))].filter((scope) => scope !== '')
}

/** The scope that something listed needs; undefined where it is not listed. */
export function scopeFor(table: McpTable, kind: 'tools' | 'prompts' | 'methods', name: string): string | undefined {
  const rules = table[kind] ?? {}
  return Object.hasOwn(rules, name) ? rules[name] : undefined
}

/** A pattern of a table, and the text that is compared with a URI. */
interface UriPattern {
  pattern: string
  text: string
}

/** The patterns of resources as lenient servers compare them: to be made once for all URIs of a message. */
export function foldedPatterns({ resources = {} }: McpTable): readonly UriPattern[] {
  return Object.keys(resources).map((pattern) => ({ pattern, text: foldUri(pattern) }))
}

/** Whether a table lists the resource of a URI; false for a URI that can be read in two ways. */
export function isUriListed(table: McpTable, uri: string): boolean {
  return ownPatterns(table, uri).length > 0
}

/**
 * The scopes that the resource of a URI needs, space-separated; undefined if none is listed, and for a URI that can be read in two ways.
 * If the table lists another entry for a reading of the URI that some servers have, both are needed (attacks M24).
 */
export function scopeForUri(table: McpTable, uri: string, folded: readonly UriPattern[]): string | undefined {
  const own = ownPatterns(table, uri)
  if (own.length === 0) return undefined
  const others = uriReadings(uri).flatMap((reading) => patternsFor(folded, reading))
  const scopes = [...own, ...others].flatMap((pattern) => table.resources?.[pattern]?.split(' ') ?? [])
  return [...new Set(scopes)].filter((scope) => scope !== '').join(' ')
}

function ownPatterns({ resources = {} }: McpTable, uri: string): string[] {
  if (!isPlainUri(uri)) return []
  const patterns = Object.keys(resources).map((pattern) => ({ pattern, text: pattern }))
  return patternsFor(patterns, uri)
}

/** The patterns that decide over a URI: one without `*`, else each that fits and has no other that fits within it. */
function patternsFor(patterns: readonly UriPattern[], uri: string): string[] {
  const exact = patterns.filter(({ pattern, text }) => !pattern.includes('*') && text === uri)
  if (exact.length > 0) return exact.map(({ pattern }) => pattern)
  const fitting = patterns.filter(({ pattern, text }) => pattern.includes('*') && fits(text, uri))
  const isWider = (one: string, other: string) => fits(one, other) && !fits(other, one)
  const deciding = fitting.filter(({ text }) => !fitting.some((other) => isWider(text, other.text)))
  return deciding.map(({ pattern }) => pattern)
}

/**
 * The scopes of all that a URI template may make, together; undefined where nothing of it is listed, and for one of more than 2048
 * characters. What stands before its first variable is all that is known of it.
 */
export function scopeForTemplate({ resources = {} }: McpTable, template: string): string | undefined {
  if (template.length > maxUriLength) return undefined
  const start = foldUri(template.split('{', 1)[0] ?? '')
  const reached = Object.entries(resources).filter(([pattern]) => {
    const fixed = foldUri(pattern.split('*', 1)[0] ?? '')
    return fixed.startsWith(start) || (pattern.includes('*') && start.startsWith(fixed))
  })
  if (reached.length === 0) return undefined
  return reached.map(([, scope]) => scope).join(' ')
}

function fits(pattern: string, uri: string): boolean {
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
 * writes hosts in small letters, and turn it into names of files, which decodes what needed no encoding (RFC 3986 §6.2.2).
 */
function isPlainUri(uri: string): boolean {
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
const maxUriLength = 2048

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
function foldUri(uri: string): string {
  const decoded = (decodedUri(uri) ?? uri).replaceAll(/\p{Default_Ignorable_Code_Point}+/gu, '').normalize('NFKC')
  // Letters such as ı have a lower case of their own, and share their capital with another one.
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
function uriReadings(uri: string): readonly string[] {
  const folded = foldUri(uri)
  const withoutQuery = folded.split(/[?#]/, 1)[0] ?? ''
  const readings = [folded, withoutQuery, withoutQuery.replaceAll(/;[^/]*/g, '')].flatMap((reading) => [
    reading,
    reading.replace(/^([^/?#]*:\/\/)(?:[^/?#@]*@)?([^/?#:]*)(?::\d*)?(?=[/?#]|$)/, '$1$2'),
  ])
  return [...new Set(readings.map(withoutSlash))]
}
