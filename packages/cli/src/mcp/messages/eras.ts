import { type JsonObject, type Message, objectIn, type RpcRequest } from './json-rpc.js'

/** `sessions`: with a handshake and sessions (2025-11-25 and earlier). `stateless`: each request is self-contained (2026-07-28). */
export type Era = 'sessions' | 'stateless'

/** The version of each era that the bridge prefers. */
export const versions = { sessions: '2025-11-25', stateless: '2026-07-28' } as const

/** Versions with a handshake that a client may request. */
export const sessionVersions: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']

/** The `_meta` members that make a request self-contained, since 2026-07-28. */
export const metaKeys = {
  version: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  logLevel: 'io.modelcontextprotocol/logLevel',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
} as const

/** Requests to which a server may respond with questions to the user. */
const mayAskPerson: ReadonlySet<string> = new Set(['tools/call', 'resources/read', 'prompts/get'])

/** Requests that clients send in the background: they never show a consent page. */
const unasked: ReadonlySet<string> = new Set(['initialize', 'ping', 'logging/setLevel', 'completion/complete'])

/** Whether the user may be prompted for consent during a request. With a client that uses a handshake, they can be prompted at any time. */
export function promptsForConsent(era: Era, method: string): boolean {
  return era === 'stateless' ? mayAskPerson.has(method) : !(method in lists) && !unasked.has(method)
}

/** The list methods, and the result property that each one returns. */
export const lists: Readonly<Record<string, string>> = {
  'tools/list': 'tools',
  'resources/list': 'resources',
  'resources/templates/list': 'resourceTemplates',
  'prompts/list': 'prompts',
}

export const listChanges = [
  'notifications/tools/list_changed',
  'notifications/resources/list_changed',
  'notifications/prompts/list_changed',
] as const

export function metaOf(message: Message): JsonObject {
  return 'method' in message ? objectIn(message.params, '_meta') : {}
}

/** Returns the request with additional members in `_meta`. */
export function withMeta(request: RpcRequest, meta: JsonObject): RpcRequest {
  return { ...request, params: { ...request.params, _meta: { ...metaOf(request), ...meta } } }
}

/** Whether a client can show the user a page to open. */
export function opensUrls(capabilities: JsonObject): boolean {
  return objectIn(capabilities, 'elicitation').url !== undefined
}
