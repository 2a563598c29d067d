import { parseScope } from '../../protocol/parameters.js'
import { fits, foldUri, isPlainUri, maxUriLength, uriReadings } from './uri-patterns.js'

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
