import type { NodeRequest } from '../httpsig/receive-incoming.js'
import { createConnectionQueue } from './connection-queue.js'
import { LightRequest, WebRequest } from './light-request.js'
import { LightResponse } from './light-response.js'
import { type Handler, type MountOptions, mountHandler } from './mounted-listener.js'
import type { NodeResponse } from './send-response.js'

export interface NodeListenerOptions extends MountOptions {
  /**
   * Replaces this process's `Response`, as `@hono/node-server` does, with one that is sent without a stream; and `Request` and `fetch` with
   * ones that accept this listener's requests. With `false`, nothing is replaced: a response takes about 20 µs longer, and a handler that
   * needs a request for `new Request(…)` or `fetch` must pass `request.clone()`. @default true
   */
  replaceGlobals?: boolean
}

/**
 * Creates a listener for `createServer` from `node:http` and `node:http2` from a Web handler. The handler receives the request, together
 * with the message as it was on the wire. Requests that cannot be passed to a handler are refused: 400 for a target that is not a path and
 * for GET with a body, 405 for TRACE, 413 for a body above the limit. If the body of a response fails with an `AAuthError` before any of it
 * has been sent, the client receives that refusal; if it fails later, the response is aborted. If a handler throws, the client receives 500
 * with an empty body, and the error is reported with `process.emitWarning`.
 *
 * Over HTTP/1.1, one request per connection is in progress at a time and up to 32 more wait; while 32 are waiting, the connection is not
 * read. Over HTTP/2, up to 100 requests per session can be in progress; further requests are refused. If a client reads no part of a
 * response for 20 seconds, its connection or stream is closed.
 */
export function createNodeListener(
  handler: Handler,
  options: NodeListenerOptions,
): (incoming: NodeRequest, outgoing: NodeResponse) => void {
  const serve = createMountedListener(handler, options)
  const queue = createConnectionQueue(options.clientAddress)
  return function nodeListener(incoming, outgoing) {
    queue.run(incoming, outgoing, () => serve(incoming, outgoing))
  }
}

/**
 * Creates a listener for individual requests of a server that has its own limits: a framework's route, or a proxy that queues requests
 * itself. For a whole server, use {@link createNodeListener}. The promise resolves when the response has been written, and never rejects.
 *
 * @throws TypeError for an invalid handler or origin
 */
export function createMountedListener(
  handler: Handler,
  options: NodeListenerOptions,
): (incoming: NodeRequest, outgoing: NodeResponse) => Promise<void> {
  const listener = mountHandler(handler, options)
  if (options.replaceGlobals !== false) replaceGlobals()
  return listener
}

/** The `fetch` that was set here, so that it can be recognized later. */
let placed: typeof globalThis.fetch | undefined

/**
 * Makes `new Response(text)` create light responses in this process, and `Request` and `fetch` accept light requests. All three otherwise
 * behave as before, and `instanceof` works with both kinds. If the process has replaced `fetch`, for tracing or tests, its replacement is
 * still called.
 */
function replaceGlobals(): void {
  Object.assign(globalThis, { Response: LightResponse, Request: WebRequest })
  const given = globalThis.fetch
  if (given === placed) return
  placed = function fetch(input, init) {
    return given(LightRequest.realOf(input), init)
  }
  globalThis.fetch = placed
}
