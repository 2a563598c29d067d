import * as platform from '#crypto'
import { parseBase64url, utf8 } from '../../lib/encodings.js'
import { isObject, type McpMessage } from './mcp-message.js'
import { isUriListed, type McpTable, scopeFor, scopeForTemplate } from './mcp-table.js'

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
    isListed: (table, { uri }) => typeof uri === 'string' && isUriListed(table, uri),
  },
  'resources/templates/list': {
    member: 'resourceTemplates',
    isListed: (table, { uriTemplate }) =>
      typeof uriTemplate === 'string' && scopeForTemplate(table, uriTemplate) !== undefined,
  },
}

/** Whether a message asks for a list. */
export function asksForList({ method }: McpMessage): boolean {
  return method !== undefined && Object.hasOwn(lists, method)
}

/**
 * What comes as an answer to a request for a list, without what nobody may use; no cache may show it to somebody else (attacks M07).
 * It is looked into whichever way it is put, and nothing passes that cannot be.
 */
export function shownList(answer: unknown, { method = '', version, id: asked }: McpMessage, table: McpTable): unknown {
  const rule = Object.hasOwn(lists, method) ? lists[method] : undefined
  if (!rule) return answer
  const show = (message: unknown): unknown => {
    if (!isObject(message)) return undefined
    // A question or a notification of the server's, before its answer.
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
  if (Array.isArray(answer)) return answer.map(show).filter((message) => message !== undefined)
  return show(answer) ?? unreadableAnswer(asked)
}

/** In place of an answer that cannot be looked into. */
export function unreadableAnswer(id: McpMessage['id'] | null): object {
  const message = 'The server answered what cannot be looked into, so that it is not shown.'
  return { jsonrpc: '2.0', id: id ?? null, error: { code: internalError, message } }
}

/** Of JSON-RPC 2.0 §5.1. */
const internalError = -32_603

/** The same of an answer whose call is not known: a list is told by its member. */
export function shownReplay(answer: unknown, table: McpTable): unknown {
  return Object.values(lists).reduce((shown, rule) => withoutUnlisted(shown, rule, table, false), answer)
}

function withoutUnlisted(answer: unknown, rule: ListRule, table: McpTable, isModern: boolean): unknown {
  if (!isObject(answer) || !isObject(answer.result)) return answer
  const { result } = answer
  const items = result[rule.member]
  if (!Array.isArray(items)) return answer
  const shown = items.filter((item: unknown) => isObject(item) && rule.isListed(table, item))
  const cacheScope = isModern || Object.hasOwn(result, 'cacheScope') ? { cacheScope: 'private' } : {}
  return { ...answer, result: { ...result, ...cacheScope, [rule.member]: shown } }
}

/**
 * An id of an event as clients of a session get it: of no use in another session, where servers keep the events of all together
 * (attacks M23).
 */
export async function shownEventId(id: string, secret: string): Promise<string> {
  const mac = await crypto.subtle.sign('HMAC', await keyOf(secret), utf8(id))
  return `${id}.${platform.serializeBase64url(new Uint8Array(mac))}`
}

/** The server's own id; undefined for one that the session did not get. */
export async function ownEventId(shown: string, secret: string): Promise<string | undefined> {
  const at = shown.lastIndexOf('.')
  const mac = at === -1 ? undefined : parseBase64url(shown.slice(at + 1))
  if (!mac) return undefined
  const id = shown.slice(0, at)
  const isOurs = await crypto.subtle.verify('HMAC', await keyOf(secret), new Uint8Array(mac), utf8(id))
  return isOurs ? id : undefined
}

function keyOf(secret: string): ReturnType<typeof crypto.subtle.importKey> {
  return crypto.subtle.importKey('raw', utf8(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
}
