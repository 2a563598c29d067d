import * as platform from '#crypto'
import { parseBase64url, utf8 } from '../../lib/encodings.js'
import { isObject, type McpMessage } from './mcp-message.js'
import { isUriListed, type McpTable, scopeFor, scopeForTemplate } from './mcp-table.js'

interface ListRule {
  member: string
  isListed: (table: McpTable, item: Record<string, unknown>) => boolean
}

/** A server's lists, and which of their items a caller may use or request. */
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
    isListed: (table, { uri }) => typeof uri === 'string' && isUriListed(table, uri),
  },
  'resources/templates/list': {
    member: 'resourceTemplates',
    isListed: (table, { uriTemplate }) =>
      typeof uriTemplate === 'string' && scopeForTemplate(table, uriTemplate) !== undefined,
  },
}

/** Whether a message requests a list. */
export function requestsList({ method }: McpMessage): boolean {
  return method !== undefined && Object.hasOwn(lists, method)
}

/**
 * Filters the response to a list request: removes items that are not in the table, and marks the list as private for caches (attacks M07).
 * Responses in every format are inspected; a response that cannot be inspected is withheld.
 */
export function filteredList(
  response: unknown,
  { method = '', version, id: asked }: McpMessage,
  table: McpTable,
): unknown {
  const rule = Object.hasOwn(lists, method) ? lists[method] : undefined
  if (!rule) return response
  const filter = (message: unknown): unknown => {
    if (!isObject(message)) return undefined
    // A request or notification that the server sends before its response.
    if (typeof message.method === 'string') return message
    if (isObject(message.error)) {
      const { code, message: reason } = message.error
      return { jsonrpc: '2.0', id: message.id, error: { code, message: reason } }
    }
    const { id, result } = message
    if (!isObject(result)) return undefined
    const items = result[rule.member]
    const whole = { ...result, [rule.member]: Array.isArray(items) ? (items as unknown[]) : [] }
    return withoutUnlisted({ jsonrpc: '2.0', id, result: whole }, rule, table, version !== undefined)
  }
  if (Array.isArray(response)) return response.map(filter).filter((message) => message !== undefined)
  return filter(response) ?? unreadableResponse(asked)
}

/** Replaces a response that cannot be inspected. */
export function unreadableResponse(id: McpMessage['id'] | null): object {
  const message = 'The server’s response could not be inspected and was withheld.'
  return { jsonrpc: '2.0', id: id ?? null, error: { code: internalError, message } }
}

/** JSON-RPC 2.0 §5.1. */
const internalError = -32_603

/** Filters a response to an unknown request. The list is identified by its member. */
export function filteredReplay(response: unknown, table: McpTable): unknown {
  return Object.values(lists).reduce((filtered, rule) => withoutUnlisted(filtered, rule, table, false), response)
}

function withoutUnlisted(response: unknown, rule: ListRule, table: McpTable, isModern: boolean): unknown {
  if (!isObject(response) || !isObject(response.result)) return response
  const { result } = response
  const items = result[rule.member]
  if (!Array.isArray(items)) return response
  const listed = items.filter((item: unknown) => isObject(item) && rule.isListed(table, item))
  const cacheScope = isModern || Object.hasOwn(result, 'cacheScope') ? { cacheScope: 'private' } : {}
  return { ...response, result: { ...result, ...cacheScope, [rule.member]: listed } }
}

/**
 * An event id as presented to a session's clients. It is bound to the session, because a server may store the events of all sessions
 * together (attacks M23).
 */
export async function boundEventId(id: string, secret: string): Promise<string> {
  const mac = await crypto.subtle.sign('HMAC', await keyOf(secret), utf8(id))
  return `${id}.${platform.serializeBase64url(new Uint8Array(mac))}`
}

/** The server's own event id; undefined for an id that was not issued in the session. */
export async function serverEventId(bound: string, secret: string): Promise<string | undefined> {
  const at = bound.lastIndexOf('.')
  const mac = at === -1 ? undefined : parseBase64url(bound.slice(at + 1))
  if (!mac) return undefined
  const id = bound.slice(0, at)
  const isOurs = await crypto.subtle.verify('HMAC', await keyOf(secret), new Uint8Array(mac), utf8(id))
  return isOurs ? id : undefined
}

function keyOf(secret: string): ReturnType<typeof crypto.subtle.importKey> {
  return crypto.subtle.importKey('raw', utf8(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
}
