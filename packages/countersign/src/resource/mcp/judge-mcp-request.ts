import { fieldValues, type ReceivedMessage } from '../../httpsig/received-message.js'
import { AAuthError } from '../../lib/errors.js'
import { parseBody } from '../parse-body.js'
import { checkFieldNames, checkMirrors } from './check-mirrors.js'
import { judgeMcp } from './judge-mcp.js'
import { type McpMessage, type McpRefusal, mcpCodes, readMcpMessage } from './mcp-message.js'
import type { McpTable } from './mcp-table.js'
import type { MirroredParameters } from './mirrored-parameters.js'

/** The message of a request for an MCP server, and the scopes that it needs, space-separated; empty: only those of every request. */
export interface JudgedMcpRequest {
  /** Undefined for a request without content: GET and DELETE have none. */
  message: McpMessage | undefined
  scope: string
}

/**
 * Judges a request for an MCP server by its head and content: the scopes that it needs by the table, or why it is refused from any
 * sender. The server must get exactly these bytes, or `message.value`.
 *
 * @param parametersOf the result of {@link mirroredParameters} for a tool; undefined if its definition is not known
 */
export function judgeMcpRequest(
  received: Pick<ReceivedMessage, 'method' | 'rawHeaders'>,
  content: Uint8Array,
  table: McpTable,
  parametersOf?: (tool: string) => MirroredParameters | undefined,
): JudgedMcpRequest | McpRefusal {
  const misspelt = checkFieldNames(received)
  if (misspelt) return misspelt
  if (received.method !== 'POST') {
    if (content.length > 0) return refused(400, `A ${received.method} request of MCP has no body.`)
    return { message: undefined, scope: '' }
  }
  const message = readContent(received, content)
  if ('reason' in message) return message
  const { method, params } = message
  const mirrored = method === 'tools/call' && typeof params.name === 'string' ? parametersOf?.(params.name) : undefined
  const refusal = checkMirrors(message, received, mirrored)
  if (refusal) return refusal
  const judged = judgeMcp(message, table)
  return 'reason' in judged ? judged : { message, scope: judged.scope }
}

/** Leaves nothing that a lenient parser could take for another type: some search the whole value for one (attacks M20). */
const plainJson = /^application\/json(?:[ \t]*;[ \t]*charset=(?:utf-?8|"utf-?8"))?(?:[ \t]*;)?$/i

const byteOrderMarkStart = 0xef

function readContent(
  received: Pick<ReceivedMessage, 'method' | 'rawHeaders'>,
  content: Uint8Array,
): McpMessage | McpRefusal {
  const [mediaType = '', another] = fieldValues(received, 'content-type')
  if (another !== undefined || !plainJson.test(mediaType))
    return refused(415, 'Send the message with Content-Type: application/json, once, in UTF-8.')
  if (content[0] === byteOrderMarkStart) return refused(400, 'The body must begin with JSON: send no byte order mark.')
  if (hasManyParts(content)) return tooManyParts
  try {
    return readMcpMessage(parseBody(received, content))
  } catch (error) {
    if (!(error instanceof AAuthError)) throw error
    return refused(error.status, error.message)
  }
}

function refused(status: number, reason: string): McpRefusal {
  return { status, code: mcpCodes.invalidRequest, reason, id: null }
}

/** Members and items per message: each costs more time than its bytes suggest. */
const maxParts = 20_000

const tooManyParts: McpRefusal = {
  status: 413,
  code: mcpCodes.invalidRequest,
  reason: `A message has at most ${maxParts} members and items: send less at once.`,
  id: null,
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const openings: ReadonlySet<number> = new Set([0x5b, 0x7b])

/** Whether a JSON text exceeds {@link maxParts}, before it is parsed. */
function hasManyParts(content: Uint8Array): boolean {
  let parts = 0
  let isString = false
  for (let at = 0; at < content.length && parts <= maxParts; at++) {
    const byte = content[at] as number
    if (isString && byte === backslash) at++
    else if (byte === quote) isString = !isString
    else if (!isString && (byte === comma || openings.has(byte))) parts++
  }
  return parts > maxParts
}
