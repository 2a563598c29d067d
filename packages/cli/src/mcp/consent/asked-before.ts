import { type Answer, type JsonObject, objectIn, type RpcRequest } from '../messages/json-rpc.js'
import { pageMark } from './consent-desk.js'

/** A request of the client without what the bridge had put into it, and what its person said to the bridge's question. */
export interface Unwrapped {
  request: RpcRequest
  /** Undefined: the bridge had asked nothing. */
  said: 'accept' | 'decline' | undefined
  /** The page that they were asked about, by its mark. */
  mark?: string
}

/** The name of the bridge's own question among those of a result. */
const question = 'consent'

/** What no state begins with that reaches the client as a server made it. */
const mark = 'countersign.'

/** Before a state of the bridge's own. */
const ownMark = `${mark}consent.`

/** Before a state of the server's that begins with {@link mark}. */
const serversMark = `${mark}server.`

/**
 * The result that has a client of 2026-07-28 show a page and then call again. What the call itself gives back to the server comes
 * back with it: the bridge keeps nothing, so that it works after a restart too.
 */
export function askToOpen({ params }: RpcRequest, page: { url: string; message: string }): JsonObject {
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

/** The answer of a server, whose state is not taken for one of the bridge's when it comes back. */
export function withServersState(answer: Answer): Answer {
  if ('error' in answer) return answer
  const { requestState } = answer.result
  if (typeof requestState !== 'string' || !requestState.startsWith(mark)) return answer
  return { result: { ...answer.result, requestState: `${serversMark}${requestState}` } }
}

/** Takes the bridge's part out of a request. */
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

/** What was to go to the server, and what was asked; whoever changes it changes what they send themselves. */
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
