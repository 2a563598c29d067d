import { parseScope } from '../../protocol/parameters.js'
import { fits, foldUri, isPlainUri, maxUriLength, uriReadings } from './uri-patterns.js'

/**
 * The scopes that each item of a server needs, space-separated. An empty string means none beyond the scopes that every request needs.
 * Unlisted items are refused (attacks M03).
 */
export interface McpTable {
  /** By tool name, without wildcards. */
  tools?: Readonly<Record<string, string>> | undefined
  /** By resource URI. `*` matches any characters, and the longest matching pattern applies: `notes://private/*`. */
  resources?: Readonly<Record<string, string>> | undefined
  /** By prompt name. */
  prompts?: Readonly<Record<string, string>> | undefined
  /** By method name, for methods that are not part of MCP itself, such as an extension's methods. */
  methods?: Readonly<Record<string, string>> | undefined
}

const kinds = ['tools', 'resources', 'prompts', 'methods'] as const

/** Returns what is wrong with a name in a table; undefined if the name is valid. */
export function mcpNameProblem(kind: keyof McpTable, name: string): string | undefined {
  if (kind === 'resources')
    return isPlainUri(name.replaceAll('*', 'x'))
      ? undefined
      : 'is not a URI in normalized form, such as notes://mine/* or file:///srv/*'
  if (!name.includes('*')) return undefined
  return `must be a complete name: * is only valid in resources, and each of the ${kind} must be listed`
}

/** @throws TypeError for an invalid table */
export function requireMcpTable(table: McpTable): void {
  for (const kind of kinds) {
    const rules = table[kind] ?? {}
    if (typeof rules !== 'object' || Array.isArray(rules))
      throw new TypeError(`${kind} must be an object, such as { ${kind}: { name: 'data.read' } }`)
    for (const [name, scope] of Object.entries(rules)) {
      const problem = mcpNameProblem(kind, name)
      if (problem !== undefined) throw new TypeError(`${kind}: ${name} ${problem}`)
      if (typeof scope !== 'string' || (scope !== '' && !parseScope(scope)))
        throw new TypeError(`${kind}: the scope of ${name} must be a string, such as 'data.read', or '' for none`)
    }
  }
}

/** All scopes in a table. */
export function scopesOf(table: McpTable): string[] {
  return [...new Set(kinds.flatMap((kind) => Object.values(table[kind] ?? {})))].filter((scope) => scope !== '')
}

/** A table for callers who cannot have every scope. */
export interface LimitedTable extends McpTable {
  /** The scopes that the callers can have. @default all */
  readonly reachable?: ReadonlySet<string> | undefined
  /** {@link foldedPatterns} of the table. @default computed for each use */
  readonly folded?: readonly UriPattern[] | undefined
}

/**
 * A table for clients with access tokens, which can have only these scopes. For them, an item that needs another scope does not exist. It
 * still decides for its URIs: otherwise, a wider pattern would take its place.
 */
export function bearerTableOf(table: McpTable, reachable: ReadonlySet<string>): LimitedTable {
  return { ...Object.fromEntries(kinds.map((kind) => [kind, table[kind]])), reachable, folded: foldedPatterns(table) }
}

/** The scopes that an item needs; undefined if the callers of the table cannot have all of them. */
function ifReachable({ reachable }: LimitedTable, needed: string | undefined): string | undefined {
  if (!reachable || needed === undefined) return needed
  return needed.split(' ').every((scope) => scope === '' || reachable.has(scope)) ? needed : undefined
}

/** The scope that a listed item needs; undefined if it is not listed. */
export function scopeFor(table: LimitedTable, kind: 'tools' | 'prompts' | 'methods', name: string): string | undefined {
  const rules = table[kind] ?? {}
  return ifReachable(table, Object.hasOwn(rules, name) ? rules[name] : undefined)
}

/** A pattern in a table, and the text to compare with a URI. */
interface UriPattern {
  pattern: string
  text: string
}

/** The resource patterns in the form in which lenient servers compare them. Create them once for all URIs in a message. */
export function foldedPatterns({ resources = {}, folded }: LimitedTable): readonly UriPattern[] {
  return folded ?? Object.keys(resources).map((pattern) => ({ pattern, text: foldUri(pattern) }))
}

/** Whether a table lists the resource that a URI identifies. False for an ambiguous URI. */
export function isUriListed(table: LimitedTable, uri: string): boolean {
  if (!table.reachable) return ownPatterns(table, uri).length > 0
  return scopeForUri(table, uri, foldedPatterns(table)) !== undefined
}

/**
 * The scopes that the resource at a URI needs, space-separated. Undefined if the resource is not listed, or if the URI is ambiguous. If
 * some servers would interpret the URI as one that the table lists under another entry, the scopes of both entries are needed (attacks
 * M24).
 */
export function scopeForUri(table: LimitedTable, uri: string, folded: readonly UriPattern[]): string | undefined {
  const own = ownPatterns(table, uri)
  if (own.length === 0) return undefined
  const others = uriReadings(uri).flatMap((reading) => patternsFor(folded, reading))
  const scopes = [...own, ...others].flatMap((pattern) => table.resources?.[pattern]?.split(' ') ?? [])
  return ifReachable(table, [...new Set(scopes)].filter((scope) => scope !== '').join(' '))
}

function ownPatterns({ resources = {} }: McpTable, uri: string): string[] {
  if (!isPlainUri(uri)) return []
  const patterns = Object.keys(resources).map((pattern) => ({ pattern, text: pattern }))
  return patternsFor(patterns, uri)
}

/** The patterns that apply to a URI: one without `*`, or else each matching pattern that does not contain another matching pattern. */
function patternsFor(patterns: readonly UriPattern[], uri: string): string[] {
  const exact = patterns.filter(({ pattern, text }) => !pattern.includes('*') && text === uri)
  if (exact.length > 0) return exact.map(({ pattern }) => pattern)
  const fitting = patterns.filter(({ pattern, text }) => pattern.includes('*') && fits(text, uri))
  const isWider = (one: string, other: string) => fits(one, other) && !fits(other, one)
  const deciding = fitting.filter(({ text }) => !fitting.some((other) => isWider(text, other.text)))
  return deciding.map(({ pattern }) => pattern)
}

/**
 * The combined scopes of all URIs that a URI template can produce. Undefined if none of these URIs is listed, or if the template is longer
 * than 2048 characters. Only the part before the first variable is known.
 */
export function scopeForTemplate(table: LimitedTable, template: string): string | undefined {
  const { resources = {} } = table
  if (template.length > maxUriLength) return undefined
  const start = foldUri(template.split('{', 1)[0] ?? '')
  const reached = Object.entries(resources).filter(([pattern]) => {
    const fixed = foldUri(pattern.split('*', 1)[0] ?? '')
    return fixed.startsWith(start) || (pattern.includes('*') && start.startsWith(fixed))
  })
  if (reached.length === 0) return undefined
  return ifReachable(table, reached.map(([, scope]) => scope).join(' '))
}
