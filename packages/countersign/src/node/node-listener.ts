import type { NodeRequest } from '../httpsig/receive-incoming.js'
import { createConnectionQueue } from './connection-queue.js'
import { createMountedListener, type Handler, type NodeListenerOptions } from './mounted-listener.js'
import type { NodeResponse } from './send-response.js'

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
