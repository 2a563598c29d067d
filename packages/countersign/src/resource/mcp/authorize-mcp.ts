import { firstWithoutSessions, isObject, type McpMessage, type McpRefusal, mcpCodes } from './mcp-message.js'
import { foldedPatterns, type McpTable, scopeFor, scopeForTemplate, scopeForUri } from './mcp-table.js'

/**
 * The scopes needed for everything to which a message refers, space-separated. If empty, only the scopes that every request needs are
 * required.
 */
export interface McpNeed {
  scope: string
}

/** MCP methods that do not refer to anything in the table. */
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

/** MCP methods that need a session. Versions without sessions replace them with `subscriptions/listen`. */
const removed: ReadonlySet<string> = new Set(['resources/subscribe', 'resources/unsubscribe'])

/**
 * Returns the scopes that a message needs according to the table, or why it is refused regardless of the sender. This is a pure function.
 */
export function authorizeMcp(message: McpMessage, table: McpTable): McpNeed | McpRefusal {
  const { method, params } = message
  const refuse = (code: number, reason: string): McpRefusal => {
    const status = code === mcpCodes.methodNotFound && message.version !== undefined ? 404 : 200
    return { status: message.kind === 'request' ? status : 400, code, reason, id: message.id ?? null }
  }
  if (method === undefined) return { scope: '' }
  const isFree = free.has(method)
  const isRemoved = removed.has(method) && (message.version ?? '') >= firstWithoutSessions
  const asked = isFree || isRemoved ? undefined : subjectsOf(method, params)
  // The sender of a notification would never learn that it was refused.
  if (message.kind === 'notification' && (asked || (isFree && !method.startsWith('notifications/'))))
    return refuse(mcpCodes.invalidRequest, `${method} is a request: add an id.`)
  if (isFree) return { scope: '' }
  if (asked === undefined) {
    const scope = scopeFor(table, 'methods', method)
    return scope === undefined ? refuse(mcpCodes.methodNotFound, 'This method is not available.') : { scope }
  }
  if (asked === 'malformed')
    return refuse(
      mcpCodes.invalidParams,
      `The params of ${method} must name one item, or at most ${maxSubscriptions} resources to watch, each in 1 to ${maxNameLength} characters.`,
    )
  const scopes = new Set<string>()
  const folded = asked.some(({ kind }) => kind === 'resources') ? foldedPatterns(table) : []
  for (const subject of asked) {
    const scope = scopeOf(subject, table, folded)
    if (scope === undefined)
      return refuse(
        mcpCodes.invalidParams,
        `There is no ${kindsInWords[subject.kind]} ${printable(subject.name)} on this server.`,
      )
    for (const each of scope.split(' ')) if (each !== '') scopes.add(each)
  }
  return { scope: [...scopes].join(' ') }
}

const kindsInWords = { tools: 'tool', prompts: 'prompt', resources: 'resource', templates: 'resource' } as const

/** Makes a name printable, because the sender chose it. */
function printable(name: string): string {
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

/** The item to which an MCP method refers; undefined for any other method. */
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

/** Maximum length of a name or URI, in characters. */
const maxNameLength = 2048

function one(kind: Subject['kind'], name: unknown): Subject[] | 'malformed' {
  return typeof name === 'string' && name !== '' && name.length <= maxNameLength ? [{ kind, name }] : 'malformed'
}

function completed(ref: unknown): Subject[] | 'malformed' {
  if (!isObject(ref)) return 'malformed'
  if (ref.type === 'ref/prompt') return one('prompts', ref.name)
  // Servers also accept a plain URI here.
  const kind = typeof ref.uri === 'string' && ref.uri.includes('{') ? 'templates' : 'resources'
  return ref.type === 'ref/resource' ? one(kind, ref.uri) : 'malformed'
}

/** Maximum per message. */
const maxSubscriptions = 100

function listened(filter: unknown): Subject[] | 'malformed' {
  if (!isObject(filter)) return 'malformed'
  const { resourceSubscriptions: uris = [] } = filter
  if (!Array.isArray(uris) || uris.length > maxSubscriptions) return 'malformed'
  const subjects = uris.map((uri: unknown) => one('resources', uri))
  return subjects.includes('malformed') ? 'malformed' : subjects.flatMap((each) => each as Subject[])
}
