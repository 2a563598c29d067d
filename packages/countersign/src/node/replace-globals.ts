import { LightRequest, WebRequest } from './light-request.js'
import { LightResponse } from './light-response.js'

/** The `fetch` that was set here, to recognise it later. */
let placed: typeof globalThis.fetch | undefined

/**
 * Has `new Response(text)` of this process make light responses, and `Request` and `fetch` take light requests. All three
 * are otherwise what they were, and `instanceof` holds for what either makes. A `fetch` that the process had put in place,
 * to trace or to test, is the one that is called.
 */
export function replaceGlobals(): void {
  Object.assign(globalThis, { Response: LightResponse, Request: WebRequest })
  const given = globalThis.fetch
  if (given === placed) return
  placed = function fetch(input, init) {
    return given(LightRequest.realOf(input), init)
  }
  globalThis.fetch = placed
}
