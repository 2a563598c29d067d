import { isObject, type McpMessage } from './mcp-message.js'
import { type McpTable, scopeFor, scopeForUri } from './mcp-table.js'

interface ListRule {
  member: string
  isListed: (table: McpTable, item: Record<string, unknown>) => boolean
}

/** The lists of a server, and which of their items a caller may use, or may ask a person for. */
const lists: Readonly<Record<string, ListRule>> = {
  'tools/list': {
    member: 'tools',
    isListed: (table, { name }) => typeof name === 'string' && scopeFor(table, 'tools', name) !== undefined,
  },
  'prompts/list': {
    member: 'prompts',
    isListed: (table, { name }) => typeof name === 'string' && scopeFor(table, 'prompts', name) !== undefined,
  },
  'resources/list': {
    member: 'resources',
    isListed: (table, { uri }) => typeof uri === 'string' && scopeForUri(table, uri) !== undefined,
  },
  'resources/templates/list': {
    member: 'resourceTemplates',
    isListed: (table, { uriTemplate }) => typeof uriTemplate === 'string' && isTemplateListed(table, uriTemplate),
  },
}

/** Whether a message asks for a list. */
export function asksForList({ method }: McpMessage): boolean {
  return method !== undefined && Object.hasOwn(lists, method)
}

/** An answer to a request for a list, without what nobody may use; no cache may show it to somebody else (attacks M07). */
export function shownList(answer: unknown, { method = '', version }: McpMessage, table: McpTable): unknown {
  const rule = Object.hasOwn(lists, method) ? lists[method] : undefined
  if (!rule || !isObject(answer) || !isObject(answer.result)) return answer
  const { result } = answer
  const items = result[rule.member]
  if (!Array.isArray(items)) return answer
  const shown = items.filter((item: unknown) => isObject(item) && rule.isListed(table, item))
  const cacheScope = version === undefined && !Object.hasOwn(result, 'cacheScope') ? {} : { cacheScope: 'private' }
  return { ...answer, result: { ...result, ...cacheScope, [rule.member]: shown } }
}

/** A template is of use where what it makes can be listed: the fixed text before its first variable is compared. */
function isTemplateListed(table: McpTable, template: string): boolean {
  const start = template.split('{', 1)[0] ?? ''
  const patterns = Object.keys(table.resources ?? {})
  return patterns.some((pattern) => {
    const fixed = pattern.split('*', 1)[0] ?? ''
    return fixed.startsWith(start) || (pattern.includes('*') && start.startsWith(fixed))
  })
}
