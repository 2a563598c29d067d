import type { NodeRequest } from '../httpsig/receive-incoming.js'
import { createConnectionQueue } from './connection-queue.js'
import { createMountedListener, type Handler, type NodeListenerOptions } from './mounted-listener.js'
import type { NodeResponse } from './send-response.js'

/**
 * A listener for `createServer` of `node:http` and `node:http2` over a Web handler: the handler gets the request, and the message as it was on the
 * wire beside it. What no handler could be given is answered here: 400 for a target that is no path and for GET with a
 * body, 405 for TRACE, 413 for a body beyond the limit. A response whose body fails with an `AAuthError` before any of it was
 * sent is answered as that says; later it is broken off. A handler that throws is answered 500 with an empty body and
 * reported to `process.emitWarning`.
 *
 * Over HTTP/1.1, one request of a connection is in progress at a time and 32 wait; the connection is not read beyond that. Over
 * HTTP/2, 100 requests of a session are in progress; more are refused. If a client reads nothing of a response for 20 seconds, its
 * connection or stream is closed.
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
