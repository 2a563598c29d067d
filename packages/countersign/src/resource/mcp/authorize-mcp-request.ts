import { fieldValues, type ReceivedMessage } from '../../httpsig/received-message.js'
import { AAuthError } from '../../lib/errors.js'
import { parseBody } from '../parse-body.js'
import { authorizeMcp } from './authorize-mcp.js'
import { checkFieldNames, checkMirrors } from './check-mirrors.js'
import { type McpMessage, type McpRefusal, mcpCodes, readMcpMessage } from './mcp-message.js'
import type { McpTable } from './mcp-table.js'
import type { MirroredParameters } from './mirrored-parameters.js'

/**
 * The message in a request to an MCP server, and the scopes that it needs, space-separated. If these are empty, it needs only the scopes
 * that every request needs.
 */
export interface JudgedMcpRequest {
  /** Undefined for a request without content, such as GET and DELETE. */
  message: McpMessage | undefined
  scope: string
}

/**
 * Checks the head and content of a request to an MCP server. Returns the scopes that the request needs according to the table, or why it is
 * refused regardless of the sender. The server must receive exactly these bytes, or `message.value`.
 *
 * @param parametersOf returns the result of {@link mirroredParameters} for a tool; undefined if the tool's definition is not known
 */
export function judgeMcpRequest(
  received: Pick<ReceivedMessage, 'method' | 'rawHeaders'>,
  content: Uint8Array,
  table: McpTable,
  parametersOf?: (tool: string) => MirroredParameters | undefined,
): JudgedMcpRequest | McpRefusal {
  const unknownMember = checkFieldNames(received)
  if (unknownMember) return unknownMember
  if (received.method !== 'POST') {
    if (content.length > 0) return refused(400, `An MCP ${received.method} request must not have a body.`)
    return { message: undefined, scope: '' }
  }
  const message = readContent(received, content)
  if ('reason' in message) return message
  // First, so that a caller learns nothing about a tool that is not in its table.
  const judged = authorizeMcp(message, table)
  if ('reason' in judged) return judged
  const { method, params } = message
  const mirrored = method === 'tools/call' && typeof params.name === 'string' ? parametersOf?.(params.name) : undefined
  return checkMirrors(message, received, mirrored) ?? { message, scope: judged.scope }
}

/** Prevents lenient parsers from finding a different media type: some search the whole value for one (attacks M20). */
const plainJson = /^application\/json(?:[ \t]*;[ \t]*charset=(?:utf-?8|"utf-?8"))?(?:[ \t]*;)?$/i

const byteOrderMarkStart = 0xef

function readContent(
  received: Pick<ReceivedMessage, 'method' | 'rawHeaders'>,
  content: Uint8Array,
): McpMessage | McpRefusal {
  const [mediaType = '', another] = fieldValues(received, 'content-type')
  if (another !== undefined || !plainJson.test(mediaType))
    return refused(415, 'Send the message with a single Content-Type: application/json, in UTF-8.')
  if (content[0] === byteOrderMarkStart)
    return refused(400, 'The body must start with the JSON text: do not send a byte order mark.')
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

/** Maximum number of members and items per message: each one takes more time to process than its size suggests. */
const maxParts = 20_000

const tooManyParts: McpRefusal = {
  status: 413,
  code: mcpCodes.invalidRequest,
  reason: `A message must not contain more than ${maxParts} members and items: split it into smaller messages.`,
  id: null,
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const openings: ReadonlySet<number> = new Set([0x5b, 0x7b])

/** Determines before parsing whether a JSON text exceeds {@link maxParts}. */
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
