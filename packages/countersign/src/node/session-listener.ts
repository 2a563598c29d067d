import { IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { AdmittedCall, Session, SessionGate, SessionResource } from '../editions/session-gate.js'
import { receiveIncoming } from '../httpsig/receive-incoming.js'
import type { ReceivedMessage } from '../httpsig/received-message.js'
import { keepPrivateBy, noStore, varyBySigner } from './keep-private.js'
import { headersOf } from './light-request.js'
import { failResponse, mountHandler } from './mounted-listener.js'
import { abandonRequestBody, sendResponse } from './send-response.js'
import type { ClientAddress } from './trusted-networks.js'

/** The part of a resource that is used: the result of `createResource`. */
export interface ListenedResource extends SessionResource {
  readonly publishedPaths: ReadonlySet<string>
  handler(request: Request, received?: ReceivedMessage): Promise<Response>
}

export interface SessionListenerOptions {
  /** Whether a path is served without a session, such as the page on which users decide. It is as sent, without the query. @default none */
  isOpen?: ((path: string) => boolean) | undefined
  /** Determines the address of a client behind proxies: see `createClientAddress`. @default the peer of the connection */
  clientAddress?: ClientAddress | undefined
}

const sessions = new WeakMap<object, Session>()

/**
 * Puts the sessions of `createSessions` in front of an app: of any Node listener, such as an app of Express, `app.callback()` of Koa, or the
 * handler in `serverFactory` of Fastify. The app receives the calls of agents that have a session, and the calls that were kept, each once
 * its user has decided, as requests with the signed method, URL, headers and body. {@link sessionOf} returns their sessions. The listener
 * also serves the documents of the resource.
 *
 * @example
 * ```ts
 * app.get('/notes', (req, res) => res.json(notesOf(sessionOf(req).user)))
 * createServer(createSessionListener(sessions, resource, app, { isOpen: (path) => path === '/connect' })).listen(8080)
 * ```
 */
export function createSessionListener(
  given: { gate(resource: SessionResource): SessionGate },
  resource: ListenedResource,
  app: (...given: Parameters<RequestListener>) => unknown,
  { isOpen = () => false, clientAddress }: SessionListenerOptions = {},
): RequestListener {
  if (typeof app !== 'function')
    throw new TypeError('the app must be a listener of Node, such as the app of Express or app.callback() of Koa')
  const gate = given.gate(resource)
  const { origin, host } = new URL(resource.id)
  const documents = mountHandler((request, received) => resource.handler(request, received), {
    origin,
    clientAddress,
  })

  async function serve(
    path: string,
    incoming: IncomingMessage,
    outgoing: ServerResponse<IncomingMessage> & { req: IncomingMessage },
  ): Promise<void> {
    if (isOpen(path)) {
      await app(incoming, outgoing)
      return
    }
    const { socket, rawHeaders, method = 'GET' } = incoming
    const gone = new AbortController()
    outgoing.once('close', () => gone.abort())
    const received = receiveIncoming(incoming)
    const remoteAddress = clientAddress ? clientAddress(socket.remoteAddress, rawHeaders) : socket.remoteAddress
    const admitted = await gate.admit({ ...received, remoteAddress }, gone.signal)
    if (!('session' in admitted)) {
      abandonRequestBody(incoming, outgoing)
      return sendResponse(admitted, outgoing, method)
    }
    const own = Object.entries(admitted.responseHeaders).map(([name, value]) => [name, () => value] as const)
    keepPrivateBy(new Map([['cache-control', () => noStore], ['vary', varyBySigner], ...own]), outgoing)
    const call = incomingOf(admitted, socket, host)
    sessions.set(call, admitted.session)
    await app(call, outgoing)
  }

  return function sessionListener(incoming, outgoing) {
    const path = (incoming.url ?? '/').split('?', 1)[0] as string
    if (resource.publishedPaths.has(path)) void documents(incoming, outgoing)
    else serve(path, incoming, outgoing).catch((error: unknown) => failResponse(error, outgoing))
  }
}

/**
 * The session of a request that {@link createSessionListener} passed to an app: `req` in Express, `ctx.req` in Koa, `request.raw` in Fastify.
 *
 * @throws TypeError for any other request
 */
export function sessionOf(incoming: object): Session {
  const session = sessions.get(incoming)
  if (session) return session
  throw new TypeError('this request has no session: serve the app through createSessionListener, without isOpen')
}

/** A call as a request of Node, from the connection of the agent that polled it. */
function incomingOf({ method, target, headers, body }: AdmittedCall, socket: Socket, host: string): IncomingMessage {
  const incoming = new IncomingMessage(socket)
  const length = body.length > 0 ? ['content-length', String(body.length)] : []
  const rawHeaders = ['host', host, ...headers.flat(), ...length]
  const fields = Object.fromEntries(headersOf(rawHeaders))
  const headersDistinct = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, [value]]))
  const head = { httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1, complete: true }
  Object.assign(incoming, head, { method, url: target, rawHeaders, headers: fields, headersDistinct })
  if (body.length > 0) incoming.push(body)
  incoming.push(null)
  return incoming
}
