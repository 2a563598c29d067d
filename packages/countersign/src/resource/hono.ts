import type { MiddlewareHandler } from 'hono'
import { receiveRequest } from '../httpsig/receive-request.js'
import type { ReceivedMessage } from '../httpsig/received-message.js'
import type { Resource } from './create-resource.js'
import type { Requirement, VerifiedRequest } from './judge-level.js'
import { requireVerifyOptions, type VerifyRequestOptions } from './verify-request-options.js'

/** What `@hono/node-server` puts into the context: the request line and header lines as they were on the wire. */
interface NodeBindings {
  incoming?: { url?: string; rawHeaders?: readonly string[]; socket?: { remoteAddress?: string } }
}

/**
 * Hono middleware: the handler runs only for verified requests and finds them in `c.var.aauth`; everything else is
 * answered with the challenge. Put it before anything that reads the body.
 *
 * @example
 * ```ts
 * app.get('/events', aauth(resource, { require: 'authorization', scope: 'calendar.read' }), (c) => c.json(c.var.aauth.sub))
 * ```
 * @throws TypeError for options that cannot be meant
 */
export function aauth<R extends Requirement>(
  resource: Resource,
  options: VerifyRequestOptions<R>,
): MiddlewareHandler<{ Variables: { aauth: VerifiedRequest<R> } }> {
  requireVerifyOptions(options, resource.metadata.supported_scopes)
  return async function aauthMiddleware(c, next) {
    try {
      c.set(
        'aauth',
        await resource.verify(receive(c.req.raw, c.env as NodeBindings | ReceivedMessage | undefined), options),
      )
    } catch (error) {
      return resource.toResponse(error)
    }
    await next()
    return undefined
  }
}

/** What `createNodeListener` gives a handler beside the request. */
function isReceived(bindings: NodeBindings | ReceivedMessage): bindings is ReceivedMessage {
  return 'rawTarget' in bindings && 'rawHeaders' in bindings && 'body' in bindings
}

function receive(request: Request, bindings: NodeBindings | ReceivedMessage | undefined): ReceivedMessage {
  if (bindings && isReceived(bindings)) return bindings
  const incoming = bindings?.incoming
  const message = receiveRequest(request, incoming?.socket?.remoteAddress)
  if (!incoming?.url || !incoming.rawHeaders) return message
  return { ...message, rawTarget: incoming.url, rawHeaders: incoming.rawHeaders }
}
