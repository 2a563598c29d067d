import { type NodeRequest, receiveIncoming } from '../../httpsig/receive-incoming.js'
import { AAuthError } from '../../lib/errors.js'
import type { MaybePromise } from '../../lib/maybe-promise.js'
import { type HeadWriter, keepPrivate } from '../../node/keep-private.js'
import { abortResponse, isGone, type Outgoing, untilDrained } from '../../node/outgoing.js'
import { admitMessage } from './admit-message.js'
import type { McpAuthInfo } from './mcp-auth-info.js'
import type { AdmittedMessage, McpContext } from './mcp-context.js'
import type { McpSession } from './mcp-sessions.js'
import { onAccessEnd } from './on-access-end.js'
import { recordSession } from './request-session.js'
import { rewriterFor } from './response-changes.js'
import { isEventStream, type ResponseRewriter } from './rewrite-response.js'

/** A Node or Express request, or Fastify's `raw` request. */
export type McpNodeRequest = NodeRequest & { auth?: McpAuthInfo; body?: unknown }

/** The part of Node's response that the middleware uses. */
export interface McpNodeResponse extends HeadWriter, Outgoing {
  readonly headersSent: boolean
  readonly statusCode: number
  write(chunk: unknown, ...rest: unknown[]): boolean
  end(...given: unknown[]): unknown
  emit(event: 'drain'): unknown
}

export type McpMiddleware = (
  incoming: McpNodeRequest,
  outgoing: McpNodeResponse,
  next: (error?: unknown) => unknown,
) => void

export function createMcpMiddleware(context: McpContext): McpMiddleware {
  return function protectMcpRequest(incoming, outgoing, next) {
    admit(context, incoming, outgoing).then(
      (isAdmitted) => isAdmitted && next(),
      (error: unknown) => {
        // Passing the error to `next` would let the request through if the caller runs the server from `next`.
        warn(error)
        if (!outgoing.headersSent) outgoing.writeHead(500)
        outgoing.end()
      },
    )
  }
}

async function admit(context: McpContext, incoming: McpNodeRequest, outgoing: McpNodeResponse): Promise<boolean> {
  const admitted = await admitMessage(context, receiveIncoming(incoming), incoming.method)
  if (admitted instanceof Response) {
    keepPrivate(outgoing)
    // Does not wait for the rest of a message that was refused based on its head.
    if (incoming.httpVersionMajor < 2 && !incoming.complete) outgoing.setHeader('connection', 'close')
    outgoing.writeHead(admitted.status, Object.fromEntries(admitted.headers))
    outgoing.end(await admitted.text())
    return false
  }
  const { message, authInfo, body, session, verified } = admitted
  incoming.auth = authInfo
  rewriteHead(incoming, session?.lastEventId)
  if (verified.scheme === 'bearer') dropToken(incoming)
  if (message) {
    incoming.body = message.value
    // A server that reads the body itself receives the bytes that were checked.
    incoming.rawBody = Buffer.from(body ?? [])
  }
  rewriteResponse(context, admitted, outgoing)
  return true
}

/** Restores the server's own event id, and removes `Accept-Encoding`, because the response may have to be rewritten. */
function rewriteHead({ headers, rawHeaders }: McpNodeRequest, lastEventId: string | undefined): void {
  delete headers['accept-encoding']
  if (lastEventId !== undefined) headers['last-event-id'] = lastEventId
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase()
    if (name === 'accept-encoding') rawHeaders[at + 1] = 'identity'
    if (name === 'last-event-id' && lastEventId !== undefined) rawHeaders[at + 1] = lastEventId
  }
}

/** Removes the caller's access token: the server must not use it for anything. */
function dropToken(incoming: McpNodeRequest): void {
  const { headers, rawHeaders } = incoming
  delete headers.authorization
  // Node caches this object, if anything has read it.
  const { headersDistinct } = incoming as { headersDistinct?: Record<string, unknown> }
  delete headersDistinct?.authorization
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.toLowerCase() === 'authorization') rawHeaders[at + 1] = ''
}

/** Rewrites the server's output as needed, and ends an event stream when its authorization ends. */
function rewriteResponse(context: McpContext, admitted: AdmittedMessage, outgoing: McpNodeResponse): void {
  const write = outgoing.write.bind(outgoing)
  const end = outgoing.end.bind(outgoing)
  const writeHead = outgoing.writeHead.bind(outgoing)
  let rewriter: ResponseRewriter | undefined
  let hasBegun = false
  let isOver = false
  const isClosed = () => isOver || isGone(outgoing)
  /**
   * Settles after all earlier writes. If undefined, writes pass through. Decided only once, because a later write could otherwise overtake
   * a queued one.
   */
  let queue: Promise<void> | undefined

  /** Performs writes in order. If the response has been closed by then, only `done` is called. */
  function enqueue(done: () => void, job: () => Promise<unknown>): void {
    const run = async () => void (isClosed() ? done() : await job())
    queue = queue?.then(run).catch((error: unknown) => {
      warn(error)
      abortResponse(outgoing)
    })
  }

  /** Rejects instead of throwing: the server's code would not expect an error. */
  function recordedSession(sessionId: string | undefined, ok: boolean): MaybePromise<McpSession | undefined> {
    try {
      return recordSession(context, admitted, { sessionId, ok })
    } catch (error) {
      return Promise.reject(error)
    }
  }

  function begin(status: number): void {
    if (hasBegun) return
    hasBegun = true
    const contentType = String(outgoing.getHeader('content-type') ?? '')
    const contentEncoding = String(outgoing.getHeader('content-encoding') ?? '')
    const sessionId = outgoing.getHeader('mcp-session-id')
    const recorded = recordedSession(sessionId === undefined ? undefined : String(sessionId), status < 400)
    const session = Promise.resolve(recorded).catch((error: unknown) => {
      // Without a record, the session's later requests are refused.
      if (error instanceof AAuthError) abortResponse(outgoing)
      return undefined
    })
    rewriter = rewriterFor(admitted, context, { contentType, contentEncoding }, session)
    // All instances must know the session before the client does.
    if (rewriter || (recorded && 'then' in recorded)) queue = session.then(() => undefined)
    // These headers describe the original content.
    if (rewriter) for (const name of ['content-length', 'content-encoding', 'etag']) outgoing.removeHeader(name)
    if (!isEventStream(contentType)) return
    const stop = onAccessEnd(context, admitted, () => {
      isOver = true
      end()
    })
    outgoing.on('close', stop)
  }

  // All header fields are set when this is called: see keepPrivate.
  outgoing.writeHead = (status, ...rest) => {
    begin(status)
    return writeHead(status, ...rest)
  }
  keepPrivate(outgoing)
  outgoing.write = (chunk, ...rest) => {
    begin(outgoing.statusCode)
    if (!queue && !isOver) return write(chunk, ...rest)
    const done = callbackIn(rest)
    if (isOver) done()
    else enqueue(done, () => writeInTurn(chunk, rest, done))
    return false
  }

  async function writeInTurn(chunk: unknown, rest: readonly unknown[], done: () => void): Promise<void> {
    const out = rewriter ? await rewriter.push(bytesOf(chunk, rest)) : chunk
    // Yields: a rewriter that only buffers would otherwise block the event loop.
    if (out === '') await new Promise(setImmediate)
    if (isClosed()) return done()
    const hasRoom = rewriter ? write(out, done) : write(out, ...rest)
    // Node emits `drain` only after a write that found the buffer full.
    if (hasRoom) outgoing.emit('drain')
    else await untilDrained(outgoing)
  }

  outgoing.end = (...given) => {
    begin(outgoing.statusCode)
    if (!queue && !isOver) return end(...given)
    const done = callbackIn(given)
    if (isOver) done()
    else enqueue(done, () => endInTurn(given, done))
    return outgoing
  }

  async function endInTurn(given: readonly unknown[], done: () => void): Promise<void> {
    const [chunk, ...rest] = given
    const hasChunk = typeof chunk === 'string' || chunk instanceof Uint8Array
    const last = rewriter && (hasChunk ? await rewriter.push(bytesOf(chunk, rest)) : '') + (await rewriter.end())
    if (isClosed()) return done()
    // HTTP/2 writes the last chunk together with the end.
    outgoing.write = write
    if (last === undefined) end(...given)
    else end(last, done)
  }
}

/** The callback of `write` or `end`, which is the last argument. */
function callbackIn(given: readonly unknown[]): () => void {
  const last = given.at(-1)
  return typeof last === 'function' ? (last as () => void) : () => undefined
}

/** @param rest the remaining arguments of `write`, starting with the encoding */
function bytesOf(chunk: unknown, [encoding]: readonly unknown[]): Uint8Array {
  if (typeof chunk !== 'string') return chunk as Uint8Array
  return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : new Error(String(error)))
}
