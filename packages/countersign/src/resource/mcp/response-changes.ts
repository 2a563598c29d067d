import type { MaybePromise } from '../../lib/maybe-promise.js'
import { boundEventId, filteredList, filteredReplay, requestsList, unreadableResponse } from './filter-lists.js'
import { type AdmittedMessage, type McpContext, tableFor } from './mcp-context.js'
import { isObject, type McpMessage } from './mcp-message.js'
import type { McpSession } from './mcp-sessions.js'
import type { McpTable } from './mcp-table.js'
import { mirroredParameters } from './mirrored-parameters.js'
import { createRewriter, isEventStream, type ResponseHead, type ResponseRewriter } from './rewrite-response.js'

/** Methods whose responses may carry a `requestState` (MCP 2026-07-28, multi round-trip requests). */
const mayRequestInput: ReadonlySet<string> = new Set(['tools/call', 'resources/read', 'prompts/get'])

type EventIdOf = (id: string) => Promise<string | undefined>

/** Rewrites the response to a message. If undefined, the response passes unchanged. */
export function rewriterFor(
  { message, caller, endpoint, verified }: AdmittedMessage,
  { seal, parameters, ...tables }: Pick<McpContext, 'table' | 'bearerTable' | 'seal' | 'parameters'>,
  head: ResponseHead,
  session: MaybePromise<McpSession | undefined>,
): ResponseRewriter | undefined {
  const table = tableFor(tables, verified.scheme)
  // Without a session, a stream cannot be resumed.
  const eventId: EventIdOf = async (id) => {
    const owner = await session
    return owner && boundEventId(id, owner.secret)
  }
  if (!message) return verified.method === 'GET' ? replayRewriter(head, table, eventId) : undefined
  if (requestsList(message)) return listRewriter(head, message, { table, parameters }, eventId)
  // Versions without sessions have no event ids.
  const sessionEventId = message.version === undefined ? eventId : undefined
  if (!seal || !mayRequestInput.has(message.method ?? '')) return createRewriter(head, { eventId: sessionEventId })
  return stateRewriter(head, (state) => seal.seal(state, message, { ...caller, endpoint }), message.id, sessionEventId)
}

/** Filters a list, and records which parameters its tools mirror in headers, so that calls can be checked against them. */
function listRewriter(
  head: ResponseHead,
  message: McpMessage,
  { table, parameters }: Pick<McpContext, 'table' | 'parameters'>,
  eventId: EventIdOf,
): ResponseRewriter | undefined {
  function change(response: unknown): unknown {
    const filtered = filteredList(response, message, table)
    if (isObject(filtered) && isObject(filtered.result) && Array.isArray(filtered.result.tools))
      for (const [tool, paths] of mirroredParameters(filtered.result.tools))
        parameters.set(tool, paths, Number.POSITIVE_INFINITY)
    return filtered
  }
  return createRewriter(head, { change, eventId, unreadable: unreadableResponse(message.id) })
}

function stateRewriter(
  head: ResponseHead,
  seal: (state: string) => Promise<string>,
  id: McpMessage['id'],
  eventId: EventIdOf | undefined,
): ResponseRewriter | undefined {
  async function change(response: unknown): Promise<unknown> {
    if (!isObject(response) || response.id !== id) return response
    const { result } = response
    if (!isObject(result) || typeof result.requestState !== 'string') return response
    return { ...response, result: { ...result, requestState: await seal(result.requestState) } }
  }
  return createRewriter(head, { change, eventId })
}

/** A resumed stream contains responses to requests that are no longer known. The members of these responses identify what to filter. */
function replayRewriter(head: ResponseHead, table: McpTable, eventId: EventIdOf): ResponseRewriter | undefined {
  function change(response: unknown): unknown {
    if (Array.isArray(response)) return response.map(change)
    if (!isObject(response) || !isObject(response.result)) return response
    // The server stored this state before it was sealed.
    const { requestState: _state, ...result } = response.result
    return filteredReplay({ ...response, result }, table)
  }
  const unreadable = isEventStream(head.contentType) ? unreadableResponse(null) : undefined
  return createRewriter(head, { change, eventId, unreadable })
}
