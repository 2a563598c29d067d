import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ReceivedMessage } from '../httpsig/received-message.js'
import { AAuthError } from '../lib/errors.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { errorResponse } from '../protocol/error-response.js'
import type { ClientAddress } from './client-address.js'
import { receiveIncoming } from './receive-incoming.js'
import { sendResponse } from './send-response.js'

/** The one shape every role has. */
export type Handler = (request: Request, received?: ReceivedMessage) => MaybePromise<Response>

export interface NodeListenerOptions {
  /** What the handler's URLs start with: `http://127.0.0.1:8002`. Never taken from the request. */
  origin: string
  /** Largest body in bytes; more is answered 413. @default 1 MiB */
  maxBody?: number
  /**
   * Finds the address of the client behind proxies: without it, everybody behind one proxy counts as one address, also
   * where sign-ins are limited. {@link createClientAddress} fits. @default the peer of the connection
   */
  clientAddress?: ClientAddress
}

/**
 * A listener for `http.createServer` over a Web handler: the handler gets the request, and the message as it was on the
 * wire beside it. What no handler could be given is answered here: 400 for a target that is no path and for GET with a
 * body, 405 for TRACE, 413 for a body beyond the limit. A handler that throws is answered 500 with an empty body and
 * reported to `process.emitWarning`.
 */
export function createNodeListener(
  handler: Handler,
  options: NodeListenerOptions,
): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  return function nodeListener(incoming, outgoing) {
    answer(handler, options, incoming, outgoing).catch((error: unknown) => {
      process.emitWarning(error instanceof Error ? error : new Error(String(error)))
      if (!outgoing.headersSent) outgoing.statusCode = 500
      outgoing.end()
    })
  }
}

async function answer(
  handler: Handler,
  { origin, maxBody = 1_048_576, clientAddress }: NodeListenerOptions,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const direct = receiveIncoming(incoming)
  const received = clientAddress
    ? { ...direct, remoteAddress: clientAddress(direct.remoteAddress, direct.rawHeaders) }
    : direct
  let body: Uint8Array
  try {
    body = await requireBody(received, maxBody)
  } catch (error) {
    if (incoming.destroyed && !incoming.complete) return
    if (!(error instanceof AAuthError)) throw error
    const refused = errorResponse(error)
    const allowed = refused.status === 405 ? { allow: handedOn } : {}
    const headers = { ...refused.headers, ...allowed, connection: 'close' }
    await sendResponse(new Response(refused.body, { status: refused.status, headers }), outgoing, received.method)
    return
  }
  const headers = new Headers()
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    headers.append(incoming.rawHeaders[i] as string, incoming.rawHeaders[i + 1] as string)
  }
  const abort = new AbortController()
  outgoing.once('close', () => abort.abort())
  const request = new Request(origin + received.rawTarget, {
    method: received.method,
    headers,
    body: body.length > 0 ? body : null,
    signal: abort.signal,
  })
  await sendResponse(await handler(request, received), outgoing, received.method)
}

/** Methods that are left to the handler, among others (RFC 9110 §15.5.6). */
const handedOn = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

/** The body of a message that a `Request` can be made of. */
async function requireBody(received: ReceivedMessage, maxBody: number): Promise<Uint8Array> {
  const { method, rawTarget } = received
  if (!rawTarget.startsWith('/')) throw new AAuthError('target_ambiguous', 'The request target is not a path.')
  if (method === 'TRACE') throw new AAuthError('method_not_allowed', 'TRACE is not answered.')
  const body = await received.body(maxBody)
  if (body.length > 0 && (method === 'GET' || method === 'HEAD')) {
    throw new AAuthError('request_malformed', `A ${method} request has no body.`)
  }
  return body
}
