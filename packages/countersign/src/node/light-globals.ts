import { LightRequest, WebRequest } from './light-request.js'
import { LightResponse } from './light-response.js'

const realFetch = globalThis.fetch

function fetch(...[input, init]: Parameters<typeof realFetch>): ReturnType<typeof realFetch> {
  return realFetch(LightRequest.realOf(input), init)
}

/**
 * Has `new Response(text)` of this process make light responses, and `Request` and `fetch` take light requests. All three
 * are otherwise what they were, and `instanceof` holds for what either makes.
 */
export function useLightGlobals(): void {
  Object.assign(globalThis, { Response: LightResponse, Request: WebRequest, fetch })
}
