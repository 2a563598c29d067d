/** One JSON-RPC message of MCP, parsed strictly. */
export interface McpMessage {
  kind: 'request' | 'notification' | 'response'
  /** The parsed message. The server must not receive anything else. */
  value: Readonly<Record<string, unknown>>
  /** Undefined for a response. */
  method: string | undefined
  params: Readonly<Record<string, unknown>>
  id: string | number | undefined
  /** The MCP version in `_meta`, which messages contain as of MCP 2026-07-28. */
  version: string | undefined
}

/** Why a message is refused before it is executed, with a JSON-RPC or MCP error code. */
export interface McpRefusal {
  status: number
  code: number
  reason: string
  id: string | number | null
}

/** Codes of JSON-RPC 2.0 §5.1, and of MCP 2026-07-28. */
export const mcpCodes = {
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  headerMismatch: -32020,
} as const

/** Starting with this MCP version, there are no sessions, and headers mirror the body. */
export const firstWithoutSessions = '2026-07-28'

/** The member of `_meta` that contains the version of a message. */
export const versionMember = 'io.modelcontextprotocol/protocolVersion'

/**
 * Members that determine what a message does, by the object that contains them. An alternative spelling of such a member must not appear
 * beside it.
 */
const decisive = {
  message: ['jsonrpc', 'id', 'method', 'params', 'result', 'error'],
  params: ['name', 'uri', 'arguments', 'ref', 'notifications', '_meta', 'requestState', 'inputResponses'],
  ref: ['type', 'name', 'uri'],
  notifications: ['resourceSubscriptions', 'toolsListChanged', 'promptsListChanged', 'resourcesListChanged'],
  _meta: [versionMember],
} as const

/** Validates a parsed body as a single MCP message. Batches are rejected in every version. */
export function readMcpMessage(body: unknown): McpMessage | McpRefusal {
  if (!isObject(body)) return malformed('The body must be one JSON-RPC message: batches are not accepted.')
  const id = typeof body.id === 'string' || Number.isSafeInteger(body.id) ? (body.id as string | number) : undefined
  const refuse = (reason: string) => malformed(reason, id)
  const unknownMember = misspeltMember(body)
  if (unknownMember !== undefined) return refuse(unknownMember)
  const { jsonrpc, method, params = {} } = body
  if (jsonrpc !== '2.0') return refuse('jsonrpc must be "2.0".')
  if (Object.hasOwn(body, 'id') && id === undefined) return refuse('id must be a string or a whole number.')
  if (method === undefined) return readResponse(body, id)
  if (typeof method !== 'string') return refuse('method must be a string.')
  if (Object.hasOwn(body, 'result') || Object.hasOwn(body, 'error'))
    return refuse('A message must be either a request or a response, not both.')
  if (!isObject(params)) return refuse('params must be an object.')
  const { _meta: meta = {} } = params
  if (!isObject(meta)) return refuse('_meta must be an object.')
  const version = meta[versionMember]
  if (version !== undefined && typeof version !== 'string') return refuse(`${versionMember} must be a string.`)
  return { kind: id === undefined ? 'notification' : 'request', value: body, method, params, id, version }
}

function readResponse(body: Record<string, unknown>, id: string | number | undefined): McpMessage | McpRefusal {
  const isOne = Object.hasOwn(body, 'result') !== Object.hasOwn(body, 'error')
  if (!isOne || id === undefined) return malformed('The message has no method and is not a response.', id)
  return { kind: 'response', value: body, method: undefined, params: {}, id, version: undefined }
}

/** The first member that a lenient parser could mistake for one of the decisive members; undefined if there is no such member. */
function misspeltMember(message: Record<string, unknown>): string | undefined {
  const params = isObject(message.params) ? message.params : {}
  const { ref, notifications, _meta } = params
  for (const [part, object] of Object.entries({ message, params, ref, notifications, _meta })) {
    if (!isObject(object)) continue
    const names: readonly string[] = decisive[part as keyof typeof decisive]
    const unknownMember = Object.keys(object).find((name) => !names.includes(name) && isSpellingOfAny(name, names))
    if (unknownMember !== undefined)
      return `${part} has an unknown member ${JSON.stringify(unknownMember.slice(0, 100))}.`
  }
  return undefined
}

/**
 * Whether a lenient parser could mistake one name for another because of case, compatibility or invisible characters, or because, as in C,
 * it truncates at NUL.
 */
function isSpellingOfAny(name: string, others: readonly string[]): boolean {
  if (name.includes('\0')) return true
  const visible = name.replaceAll(/[\p{C}\p{Default_Ignorable_Code_Point}]+/gu, '')
  // An ASCII letter corresponds to at most a surrogate pair and a combining dot. NFKC makes some characters 18 times as long.
  if (visible.length > 3 * Math.max(...others.map(({ length }) => length))) return false
  // Converted to upper case first, because ı and i have the same upper-case form; the capital İ becomes an i followed by a combining dot.
  const folded = visible.normalize('NFKC').toUpperCase().toLowerCase().replaceAll('i\u0307', 'i')
  return others.some((other) => other.toLowerCase() === folded)
}

function malformed(reason: string, id: string | number | null = null): McpRefusal {
  return { status: 400, code: mcpCodes.invalidRequest, reason, id }
}

/** Whether a JSON value is an object and not an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
