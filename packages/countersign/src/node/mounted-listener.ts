import type { ResourceEdition } from '../editions/edition.js'
import { januaryResource } from '../editions/january/january-resource.js'
import { type NodeRequest, receiveIncoming } from '../httpsig/receive-incoming.js'
import type { ReceivedMessage, Upload } from '../httpsig/received-message.js'
import { AAuthError } from '../lib/errors.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { nodeResponse } from './keep-private.js'
import { LightRequest } from './light-request.js'
import { abortResponse } from './outgoing.js'
import { ReadingBodies } from './reading-bodies.js'
import { abandonRequestBody, type NodeResponse, sendResponse } from './send-response.js'
import type { ClientAddress } from './trusted-networks.js'

/** The handler type that every role provides. */
export type Handler = (request: Request, received?: ReceivedMessage) => MaybePromise<Response>

/** How requests are passed to a handler. */
export interface MountOptions {
  /** The origin of the handler's URLs, such as `http://127.0.0.1:8002`. It is never taken from the request. */
  origin: string
  /** The AAuth edition whose format is used to refuse requests that cannot be passed to a handler. @default January 2026 */
  edition?: Pick<ResourceEdition, 'writeRefusal'>
  /**
   * Maximum body size, in bytes; a larger body receives 413. Incomplete bodies may use 64 MiB in total, 32 MiB per network and 4 MiB per
   * HTTP/2 session, or 4, 2 and 1 times the maximum body size if that is more. A body beyond these limits receives 503. If no data arrives
   * for 20 seconds, the body receives 408. @default 1 MiB
   */
  maxBody?: number
  /**
   * Defers receiving the content until the handler verifies its message: the handler receives a request without content, and a message with
   * `upload`. May throw an AAuthError to refuse a request based on its head. @default the whole body is read first
   */
  upload?: ((incoming: NodeRequest, outgoing: NodeResponse) => Upload) | undefined
  /**
   * Determines the address of a client behind proxies. Without this function, all clients behind one proxy count as one address, including
   * for sign-in limits. Use `createClientAddress`. @default the peer of the connection
   */
  clientAddress?: ClientAddress | undefined
}

/**
 * Creates a listener for a handler. It replaces no globals, and has no limits on connections. The promise resolves when the response has
 * been written, and never rejects.
 *
 * @throws TypeError for an invalid handler or origin
 */
export function mountHandler(
  handler: Handler,
  options: MountOptions,
): (incoming: NodeRequest, outgoing: NodeResponse) => Promise<void> {
  if (typeof handler !== 'function') throw new TypeError('the handler must be a function, such as agent.handler')
  if (!URL.canParse(options?.origin))
    throw new TypeError("the listener requires the origin of its requests: { origin: 'https://api.example' }")
  const { maxBody = 1_048_576 } = options
  const origin = new URL(options.origin).href.replace(/\/$/, '')
  const settings = { ...options, maxBody, origin, bodies: new ReadingBodies(maxBody) }
  return function mountedListener(incoming, outgoing) {
    return answer(handler, settings, incoming, outgoing).catch((error: unknown) => failResponse(error, outgoing))
  }
}

/** Reports what a handler threw, and responds with 500. */
export function failResponse(error: unknown, outgoing: NodeResponse): void {
  process.emitWarning(error instanceof Error ? error : new Error(String(error)))
  if (outgoing.headersSent) {
    abortResponse(outgoing)
    return
  }
  for (const name of outgoing.getHeaderNames()) outgoing.removeHeader(name)
  outgoing.statusCode = 500
  outgoing.end()
}

interface ListenerSettings extends MountOptions {
  maxBody: number
  bodies: ReadingBodies
}

async function answer(
  handler: Handler,
  { origin, edition = januaryResource, maxBody, bodies, clientAddress, upload: uploadOf }: ListenerSettings,
  incoming: NodeRequest,
  outgoing: NodeResponse,
): Promise<void> {
  const peer = incoming.socket.remoteAddress
  const address = clientAddress ? clientAddress(peer, incoming.rawHeaders) : peer
  let received = receiveIncoming(incoming, address, (stop) => {
    const session = 'stream' in outgoing ? outgoing.stream.session : undefined
    return bodies.open({ session, address, stop })
  })
  // If `clientAddress` does not know the client's address, the address stays unknown: the peer is only the proxy.
  if (address === undefined) received = { ...received, remoteAddress: undefined }
  async function refuse(error: unknown): Promise<void> {
    if (!(error instanceof AAuthError)) throw error
    if (outgoing.headersSent) return abortResponse(outgoing)
    const { status, headers, body } = edition.writeRefusal(error)
    if (status === 405) headers.allow = allowedMethods
    if (status === 500) process.emitWarning(error)
    abandonRequestBody(incoming, outgoing)
    await sendResponse(new Response(body, { status, headers }), outgoing, received.method)
  }

  let body: Uint8Array = noContent
  try {
    requireReadable(received)
    if (incoming.httpVersion === '1.1') requireStandardFields(received.rawHeaders)
    if (uploadOf) received = { upload: uploadOf(incoming, outgoing), ...received }
    else body = await requireBody(received, maxBody)
  } catch (error) {
    return refuse(error)
  }
  const request = new LightRequest(origin, received, body)
  let isAnswered = false
  outgoing.once('close', () => isAnswered || request.abort())
  const response = await handler(request, Object.assign(received, { [nodeResponse]: outgoing }))
  if (uploadOf && !outgoing.headersSent) abandonRequestBody(incoming, outgoing)
  try {
    await sendResponse(response, outgoing, received.method)
    isAnswered = true
  } catch (error) {
    await refuse(error)
  }
}

/** Methods that are passed to the handler; the list is not exhaustive (RFC 9110 §15.5.6). */
const allowedMethods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

const noContent = new Uint8Array(0)

/** Checks that a `Request` can be created from the head. */
function requireReadable({ method, rawTarget }: ReceivedMessage): void {
  if (!rawTarget.startsWith('/')) throw new AAuthError('target_ambiguous', 'The request target is not a path.')
  if (/^(?:CONNECT|TRACE|TRACK)$/i.test(method)) {
    throw new AAuthError('method_not_allowed', `The method ${method.toUpperCase()} is not supported.`)
  }
  // A Request would convert them to upper case, but HTTP/2 allows other spellings, and the signature covers the spelling that was sent.
  if (/^(?:DELETE|GET|HEAD|OPTIONS|POST|PUT)$/i.test(method) && method !== method.toUpperCase()) {
    throw new AAuthError('request_malformed', `Use upper case for the method: ${method.toUpperCase()}.`)
  }
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(method))
    throw new AAuthError('request_malformed', 'The method is not a valid token.')
}

/** Performs the checks that Node.js makes for HTTP/1.1, unless its server leaves them to the listener. */
function requireStandardFields(rawHeaders: readonly string[]): void {
  let hasHost = false
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    if (name.length === 4 && name.toLowerCase() === 'host') hasHost = true
    else if (
      name.length === 6 &&
      name.toLowerCase() === 'expect' &&
      !/^100-continue$/i.test(rawHeaders[at + 1] as string)
    )
      throw new AAuthError('request_malformed', 'The only supported value of Expect is 100-continue.')
  }
  if (!hasHost) throw new AAuthError('request_malformed', 'The request has no Host header.')
}

async function requireBody(received: ReceivedMessage, maxBody: number): Promise<Uint8Array> {
  const { method } = received
  const body = await received.body(maxBody)
  if (body.length > 0 && (method === 'GET' || method === 'HEAD')) {
    throw new AAuthError('request_malformed', `A ${method} request must not have a body.`)
  }
  return body
}
