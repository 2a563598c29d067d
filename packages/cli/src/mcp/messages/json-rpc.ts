/** A JSON object as sent or received. */
export type JsonObject = Readonly<Record<string, unknown>>

export type MessageId = string | number

export interface RpcRequest {
  readonly jsonrpc: '2.0'
  readonly id: MessageId
  readonly method: string
  readonly params?: JsonObject
}

export interface RpcNotification {
  readonly jsonrpc: '2.0'
  readonly method: string
  readonly params?: JsonObject
}

export interface RpcErrorBody {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

/** The content of a response, without the id. */
export type Answer = { readonly result: JsonObject } | { readonly error: RpcErrorBody }

export type RpcResponse = { readonly jsonrpc: '2.0'; readonly id: MessageId | null } & Answer

export type Message = RpcRequest | RpcNotification | RpcResponse

/** JSON-RPC and MCP error codes that the bridge returns or distinguishes. */
export const rpcCodes = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  /** The bridge's own code: the server did not respond, or requires consent first. */
  unanswered: -32010,
  /** 2026-07-28: the headers and the body do not match, a client capability is missing, or the version is not supported. */
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
  /** 2025-11-25: the user must open a page first. */
  urlElicitationRequired: -32042,
} as const

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Maximum nesting depth of a message; deeper values could not be serialized again. */
const deepest = 1000

/**
 * Parses a JSON-RPC 2.0 message; returns undefined for anything else.
 *
 * @throws RangeError if it is nested deeper than 1000 levels
 */
export function readMessage(value: unknown): Message | undefined {
  if (!isJsonObject(value) || value.jsonrpc !== '2.0') return undefined
  requireShallow(value)
  const { id, method, params, result, error } = value
  const hasId = typeof id === 'string' || typeof id === 'number'
  if (typeof method === 'string') {
    const isFit = params === undefined || isJsonObject(params)
    return isFit && (hasId || id === undefined) ? (value as unknown as RpcRequest | RpcNotification) : undefined
  }
  if (!hasId && id !== null && id !== undefined) return undefined
  if (isJsonObject(result)) return hasId ? { jsonrpc: '2.0', id, result } : undefined
  if (!isJsonObject(error) || typeof error.code !== 'number') return undefined
  const { code, message = '', data } = error
  return {
    jsonrpc: '2.0',
    id: hasId ? id : null,
    error: { code, message: typeof message === 'string' ? message : '', ...(data === undefined ? {} : { data }) },
  }
}

function requireShallow(message: JsonObject): void {
  let level: unknown[] = [message]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > deepest) throw new RangeError('the message is nested too deeply')
    const inner: unknown[] = []
    for (const each of level)
      for (const value of Object.values(each as object))
        if (typeof value === 'object' && value !== null) inner.push(value)
    level = inner
  }
}

export function isRequest(message: Message): message is RpcRequest {
  return 'method' in message && 'id' in message
}

export function isResponse(message: Message): message is RpcResponse {
  return !('method' in message)
}

export function answerOf(response: RpcResponse): Answer {
  return 'result' in response ? { result: response.result } : { error: response.error }
}

export function refusal(code: number, message: string, data?: unknown): Answer {
  return { error: { code, message, ...(data === undefined ? {} : { data }) } }
}

export function notification(method: string, params?: JsonObject): RpcNotification {
  return { jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) }
}

/** Returns the object in a member, or an empty object if there is none. */
export function objectIn(value: unknown, name: string): JsonObject {
  const member = isJsonObject(value) ? value[name] : undefined
  return isJsonObject(member) ? member : {}
}

/** Returns the string in a member, or an empty string if there is none. */
export function stringIn(value: unknown, name: string): string {
  const member = isJsonObject(value) ? value[name] : undefined
  return typeof member === 'string' ? member : ''
}
