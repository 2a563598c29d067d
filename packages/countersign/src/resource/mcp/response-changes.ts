import type { MaybePromise } from '../../lib/maybe-promise.js'
import type { AdmissionTools, AdmittedMessage } from './admit-message.js'
import { isObject } from './mcp-message.js'
import type { McpSession } from './mcp-sessions.js'
import type { McpTable } from './mcp-table.js'
import { type AnswerHead, type AnswerRewriter, createRewriter, isEventStream } from './rewrite-response.js'
import { asksForList, shownEventId, shownList, shownReplay, unreadableAnswer } from './filter-lists.js'
import { shownParameters } from './mirrored-parameters.js'

/** Methods whose answers may ask for more, with a state (MCP 2026-07-28, multi round-trip requests). */
const mayAskForMore: ReadonlySet<string> = new Set(['tools/call', 'resources/read', 'prompts/get'])

/** What has to be changed in the answer to a message; undefined: nothing. */
export function changesOf(
  { message, caller, verified }: AdmittedMessage,
  { table, seal, parameters }: Pick<AdmissionTools, 'table' | 'seal' | 'parameters'>,
  head: AnswerHead,
  session: MaybePromise<McpSession | undefined>,
): AnswerRewriter | undefined {
  // Where streams cannot be taken up again, ids are of no use.
  const eventId = async (id: string) => {
    const owner = await session
    return owner && shownEventId(id, owner.secret)
  }
  if (!message) return verified.method === 'GET' ? replayed(head, table, eventId) : undefined
  if (asksForList(message))
    return createRewriter(head, {
      change(answer) {
        const shown = shownList(answer, message, table)
        learn(shown, parameters)
        return shown
      },
      eventId,
      unreadable: unreadableAnswer(message.id),
    })
  // Without sessions there are no such ids.
  const ofEra = message.version === undefined ? eventId : undefined
  if (!seal || !mayAskForMore.has(message.method ?? '')) return createRewriter(head, { eventId: ofEra })
  return createRewriter(head, {
    eventId: ofEra,
    async change(answer) {
      if (!isObject(answer) || answer.id !== message.id) return answer
      const { result } = answer
      if (!isObject(result) || typeof result.requestState !== 'string') return answer
      const requestState = await seal.seal(result.requestState, message, caller)
      return { ...answer, result: { ...result, requestState } }
    },
  })
}

/** What tools show in headers: calls are compared with it. */
function learn(shown: unknown, parameters: AdmissionTools['parameters']): void {
  if (!isObject(shown) || !isObject(shown.result) || !Array.isArray(shown.result.tools)) return
  for (const [name, each] of shownParameters(shown.result.tools)) parameters.set(name, each, Number.POSITIVE_INFINITY)
}

/** A stream that is taken up again holds answers to calls that nobody sees any more: what they are shows in them. */
function replayed(
  head: AnswerHead,
  table: McpTable,
  eventId: (id: string) => Promise<string | undefined>,
): AnswerRewriter | undefined {
  const change = (answer: unknown): unknown => {
    if (Array.isArray(answer)) return answer.map(change)
    if (!isObject(answer) || !isObject(answer.result)) return answer
    // Sealed it was only on its first way.
    const { requestState: _state, ...result } = answer.result
    return shownReplay({ ...answer, result }, table)
  }
  const unreadable = isEventStream(head.contentType) ? unreadableAnswer(null) : undefined
  return createRewriter(head, { change, eventId, unreadable })
}
