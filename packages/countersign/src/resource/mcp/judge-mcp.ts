import { isObject, type McpMessage, type McpRefusal, mcpCodes } from './mcp-message.js'
import { foldedPatterns, type McpTable, scopeFor, scopeForTemplate, scopeForUri } from './mcp-table.js'

/** What a message needs: the scopes of all that it is about, space-separated; an empty text: none of its own. */
export interface McpNeed {
  scope: string
}

/** Methods of MCP that are about nothing in a table. */
const free: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'server/discover',
  'logging/setLevel',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
])

/** What a message needs, by the table; or why it is refused, whoever sent it. Pure: it looks at nothing else. */
export function judgeMcp(message: McpMessage, table: McpTable): McpNeed | McpRefusal {
  const { method, params } = message
  const refuse = (code: number, reason: string): McpRefusal => {
    const status = code === mcpCodes.methodNotFound && message.version !== undefined ? 404 : 200
    return { status: message.kind === 'request' ? status : 400, code, reason, id: message.id ?? null }
  }
  if (method === undefined) return { scope: '' }
  const isFree = free.has(method)
  const asked = isFree ? undefined : subjectsOf(method, params)
  // What has an effect is answered for: nobody would hear what became of it.
  if (message.kind === 'notification' && (asked || (isFree && !method.startsWith('notifications/'))))
    return refuse(mcpCodes.invalidRequest, `${method} is a request: give it an id.`)
  if (isFree) return { scope: '' }
  if (asked === undefined) {
    const scope = scopeFor(table, 'methods', method)
    return scope === undefined ? refuse(mcpCodes.methodNotFound, 'There is no such method here.') : { scope }
  }
  if (asked === 'malformed')
    return refuse(mcpCodes.invalidParams, `The params of ${method} do not say what it is about.`)
  const scopes = new Set<string>()
  const folded = asked.some(({ kind }) => kind === 'resources') ? foldedPatterns(table) : []
  for (const subject of asked) {
    const scope = scopeOf(subject, table, folded)
    if (scope === undefined)
      return refuse(mcpCodes.invalidParams, `There is no ${kindsInWords[subject.kind]} ${shown(subject.name)} here.`)
    for (const each of scope.split(' ')) if (each !== '') scopes.add(each)
  }
  return { scope: [...scopes].join(' ') }
}

const kindsInWords = { tools: 'tool', prompts: 'prompt', resources: 'resource', templates: 'resource' } as const

/** A stranger chose it. */
function shown(name: string): string {
  return name.slice(0, 100).replaceAll(/[^\x20-\x7e]/g, '?')
}

interface Subject {
  kind: 'tools' | 'prompts' | 'resources' | 'templates'
  name: string
}

function scopeOf(
  { kind, name }: Subject,
  table: McpTable,
  folded: ReturnType<typeof foldedPatterns>,
): string | undefined {
  if (kind === 'templates') return scopeForTemplate(table, name)
  return kind === 'resources' ? scopeForUri(table, name, folded) : scopeFor(table, kind, name)
}

/** What a method of MCP is about; undefined for another method. */
function subjectsOf(method: string, params: McpMessage['params']): Subject[] | 'malformed' | undefined {
  switch (method) {
    case 'tools/call':
      return one('tools', params.name)
    case 'prompts/get':
      return one('prompts', params.name)
    case 'resources/read':
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return one('resources', params.uri)
    case 'completion/complete':
      return completed(params.ref)
    case 'subscriptions/listen':
      return listened(params.notifications)
    default:
      return undefined
  }
}

/** Characters of a name or a URI. */
const longestName = 2048

function one(kind: Subject['kind'], name: unknown): Subject[] | 'malformed' {
  return typeof name === 'string' && name !== '' && name.length <= longestName ? [{ kind, name }] : 'malformed'
}

function completed(ref: unknown): Subject[] | 'malformed' {
  if (!isObject(ref)) return 'malformed'
  if (ref.type === 'ref/prompt') return one('prompts', ref.name)
  // A template, or a resource that has none.
  const kind = typeof ref.uri === 'string' && ref.uri.includes('{') ? 'templates' : 'resources'
  return ref.type === 'ref/resource' ? one(kind, ref.uri) : 'malformed'
}

/** Of one message. */
const mostSubscriptions = 100

function listened(filter: unknown): Subject[] | 'malformed' {
  if (!isObject(filter)) return 'malformed'
  const { resourceSubscriptions: uris = [] } = filter
  if (!Array.isArray(uris) || uris.length > mostSubscriptions) return 'malformed'
  const subjects = uris.map((uri: unknown) => one('resources', uri))
  return subjects.includes('malformed') ? 'malformed' : subjects.flatMap((each) => each as Subject[])
}
