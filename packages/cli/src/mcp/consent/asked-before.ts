import { type Answer, type JsonObject, objectIn, type RpcRequest } from '../messages/json-rpc.js'
import { pageMark } from './consent-desk.js'

/** A client's request without the parts that the bridge had added, and the user's reply to the bridge's question. */
export interface Unwrapped {
  request: RpcRequest
  /** Undefined if the bridge had not asked a question. */
  said: 'accept' | 'decline' | undefined
  /** The mark of the page that the question was about. */
  mark?: string
}

/** The key of the bridge's own question among the input requests of a result. */
const question = 'consent'

/** Prefix reserved by the bridge. No server state with this prefix ever reaches the client unescaped. */
const mark = 'countersign.'

/** Prefix of the bridge's own state. */
const ownMark = `${mark}consent.`

/** Prefix added to a server's state that starts with {@link mark}. */
const serversMark = `${mark}server.`

/**
 * Returns the result that makes a 2026-07-28 client show a page and then repeat the call. It includes the state for the server, which the
 * client returns with the repeated call. The bridge stores nothing, so this works across restarts.
 */
export function inputRequiredResult({ params }: RpcRequest, page: { url: string; message: string }): JsonObject {
  const { inputResponses, requestState } = params ?? {}
  const state = Buffer.from(JSON.stringify({ inputResponses, requestState, page: pageMark(page.url) })).toString(
    'base64url',
  )
  return {
    resultType: 'input_required',
    inputRequests: { [question]: { method: 'elicitation/create', params: { mode: 'url', ...page } } },
    requestState: `${ownMark}${state}`,
  }
}

/** Escapes a server's state so that it is not mistaken for the bridge's own state when the client returns it. */
export function withServersState(answer: Answer): Answer {
  if ('error' in answer) return answer
  const { requestState } = answer.result
  if (typeof requestState !== 'string' || !requestState.startsWith(mark)) return answer
  return { result: { ...answer.result, requestState: `${serversMark}${requestState}` } }
}

/** Removes the bridge's additions from a request. */
export function unwrap(request: RpcRequest): Unwrapped {
  const { requestState, inputResponses: _said, ...params } = request.params ?? {}
  if (typeof requestState !== 'string') return { request, said: undefined }
  if (requestState.startsWith(serversMark)) {
    const state = requestState.slice(serversMark.length)
    return { request: { ...request, params: { ...request.params, requestState: state } }, said: undefined }
  }
  const state = requestState.startsWith(ownMark) ? readState(requestState.slice(ownMark.length)) : undefined
  if (state === undefined) return { request, said: undefined }
  const { action } = objectIn(objectIn(request.params, 'inputResponses'), question)
  const { inner, mark } = state
  const said = action === 'accept' ? 'accept' : 'decline'
  return { request: { ...request, params: { ...params, ...inner } }, said, mark }
}

/**
 * Parses the state for the server and the mark of the page. The state need not be signed, because a client that changes it affects only its
 * own request.
 */
function readState(text: string): { inner: JsonObject; mark: string } | undefined {
  try {
    const { inputResponses, requestState, page } = JSON.parse(Buffer.from(text, 'base64url').toString()) as JsonObject
    if (typeof page !== 'string') return undefined
    const given = Object.entries({ inputResponses, requestState }).filter(([, value]) => value !== undefined)
    return { inner: Object.fromEntries(given), mark: page }
  } catch {
    return undefined
  }
}
