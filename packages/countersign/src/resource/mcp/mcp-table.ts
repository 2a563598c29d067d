import { parseScope } from '../../protocol/scope.js'

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

/** The scope that the resource of a URI needs; undefined where none is listed, and for a URI that can be read in two ways. */
export function scopeForUri({ resources = {} }: McpTable, uri: string): string | undefined {
  if (Object.hasOwn(resources, uri) && !uri.includes('*')) return resources[uri]
  // What a server resolves, such as /../, would be another one than what was looked up.
  if (/(?:^|[/\\])\.{1,2}(?:[/\\?#]|$)|%2[ef]|%5c|\\/i.test(uri)) return undefined
  const fitting = Object.keys(resources).filter((pattern) => pattern.includes('*') && fits(pattern, uri))
  const [longest] = fitting.toSorted((one, other) => other.length - one.length)
  return longest === undefined ? undefined : resources[longest]
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
