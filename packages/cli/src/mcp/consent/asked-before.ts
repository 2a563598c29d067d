import { type JsonObject, objectIn, type RpcRequest } from '../messages/json-rpc.js'

/** A request of the client without what the bridge had put into it, and what its person said to the bridge's question. */
export interface Unwrapped {
  request: RpcRequest
  /** Undefined: the bridge had asked nothing. */
  said: 'accept' | 'decline' | undefined
}

/** The name of the bridge's own question among those of a result. */
const question = 'consent'

const mark = 'countersign.'

/**
 * The result that has a client of 2026-07-28 show a page and then call again. What the call itself gives back to the server comes
 * back with it: the bridge keeps nothing, so that it works after a restart too.
 */
export function askToOpen({ params }: RpcRequest, page: { url: string; message: string }): JsonObject {
  const { inputResponses, requestState } = params ?? {}
  const state = Buffer.from(JSON.stringify({ inputResponses, requestState })).toString('base64url')
  return {
    resultType: 'input_required',
    inputRequests: { [question]: { method: 'elicitation/create', params: { mode: 'url', ...page } } },
    requestState: `${mark}${state}`,
  }
}

/** Takes the bridge's part out of a request. */
export function unwrap(request: RpcRequest): Unwrapped {
  const { requestState, inputResponses: _said, ...params } = request.params ?? {}
  if (typeof requestState !== 'string' || !requestState.startsWith(mark)) return { request, said: undefined }
  const { action } = objectIn(objectIn(request.params, 'inputResponses'), question)
  const inner = readState(requestState.slice(mark.length))
  return { request: { ...request, params: { ...params, ...inner } }, said: action === 'accept' ? 'accept' : 'decline' }
}

/** What was to go to the server; whoever changes it changes what they send themselves. */
function readState(text: string): JsonObject {
  try {
    const { inputResponses, requestState } = JSON.parse(Buffer.from(text, 'base64url').toString()) as JsonObject
    return Object.fromEntries(
      Object.entries({ inputResponses, requestState }).filter(([, value]) => value !== undefined),
    )
  } catch {
    return {}
  }
}
