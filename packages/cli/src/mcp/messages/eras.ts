import { type JsonObject, type Message, objectIn, type RpcRequest } from './json-rpc.js'

/** With a handshake and sessions (2025-11-25 and before), or each request complete in itself (2026-07-28). */
export type Era = 'sessions' | 'stateless'

/** The version of each era that the bridge speaks where it has the choice. */
export const versions = { sessions: '2025-11-25', stateless: '2026-07-28' } as const

/** Versions with a handshake that a client may ask for. */
export const sessionVersions: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']

/** The members of `_meta` that make a request complete, since 2026-07-28. */
export const metaKeys = {
  version: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  logLevel: 'io.modelcontextprotocol/logLevel',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
} as const

/** Requests that a server may answer with questions to the person. */
const mayAskPerson: ReadonlySet<string> = new Set(['tools/call', 'resources/read', 'prompts/get'])

/** Requests that clients make without anything being wanted at that moment: no page comes up for them. */
const unasked: ReadonlySet<string> = new Set(['initialize', 'ping', 'logging/setLevel', 'completion/complete'])

/** Whether a person is asked for what a request needs: a client with a handshake can be asked at any time. */
export function isAskedFor(era: Era, method: string): boolean {
  return era === 'stateless' ? mayAskPerson.has(method) : !(method in lists) && !unasked.has(method)
}

/** The lists that a client shows, and the member that holds each. */
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

/** A request with more in its `_meta`. */
export function withMeta(request: RpcRequest, meta: JsonObject): RpcRequest {
  return { ...request, params: { ...request.params, _meta: { ...metaOf(request), ...meta } } }
}

/** Whether a client can show a person a page to open. */
export function opensUrls(capabilities: JsonObject): boolean {
  return objectIn(capabilities, 'elicitation').url !== undefined
}
