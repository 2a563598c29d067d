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

/** The scope that the resource of a URI needs; undefined where none is listed, and for a URI that can be read in two ways. */
export function scopeForUri({ resources = {} }: McpTable, uri: string): string | undefined {
  if (!isPlainUri(uri)) return undefined
  if (Object.hasOwn(resources, uri) && !uri.includes('*')) return resources[uri]
  const fitting = Object.keys(resources).filter((pattern) => pattern.includes('*') && fits(pattern, uri))
  const [longest] = fitting.toSorted((one, other) => other.length - one.length)
  return longest === undefined ? undefined : resources[longest]
}

/**
 * Whether a URI is written in the one way that every reader keeps: servers parse it, which takes out tabs, resolves `/../` and
 * writes hosts in small letters, and turn it into names of files, which decodes what needed no encoding (RFC 3986 §6.2.2).
 */
function isPlainUri(uri: string): boolean {
  // Longer ones take longer to compare than they are worth, and a fragment is nobody's to send.
  if (uri.length > longestUri || !/^[\x21-\x7e]+$/.test(uri) || /[\\#]/.test(uri) || !URL.canParse(uri)) return false
  const { href } = new URL(uri)
  // A URL without a path is the only one that a parser completes.
  if (href !== uri && href !== `${uri}/`) return false
  // Templates of servers match over `?`, too, and what is not below an authority is not resolved by parsers.
  const [, rest = ''] = /^[a-z][a-z\d+.-]*:(?:\/\/[^/?]*)?(.*)$/i.exec(uri) ?? []
  if (/(?:^|[:/?&=;])\.{1,2}(?:$|[/?&;])/.test(rest) || rest.includes('//')) return false
  return [...uri.matchAll(/%(..)?/g)].every(([, code = '']) => needsEncoding(code))
}

const longestUri = 2048

/** Whether an octet has to be encoded in a path, and says nothing else than when it is not. */
function needsEncoding(code: string): boolean {
  if (!/^[\da-f]{2}$/i.test(code)) return false
  const character = String.fromCharCode(Number.parseInt(code, 16))
  return !/[\w.~/\\-]/.test(character) && !/\p{Cc}/u.test(character)
}

/**
 * The scopes of all that a URI template may make, together; undefined where nothing of it is listed. What stands before its
 * first variable is all that is known of it.
 */
export function scopeForTemplate({ resources = {} }: McpTable, template: string): string | undefined {
  const start = template.split('{', 1)[0] ?? ''
  const reached = Object.entries(resources).filter(([pattern]) => {
    const fixed = pattern.split('*', 1)[0] ?? ''
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
