import { LightRequest, WebRequest } from './light-request.js'
import { LightResponse } from './light-response.js'

/** The `fetch` that was set here, so that it can be recognized later. */
let placed: typeof globalThis.fetch | undefined

/**
 * Makes `new Response(text)` create light responses in this process, and `Request` and `fetch` accept light requests. All three otherwise
 * behave as before, and `instanceof` works with both kinds. If the process has replaced `fetch`, for tracing or tests, its replacement is
 * still called.
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
