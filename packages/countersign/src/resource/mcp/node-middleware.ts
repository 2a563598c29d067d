import { type NodeRequest, receiveIncoming } from '../../httpsig/receive-incoming.js'
import type { MaybePromise } from '../../lib/maybe-promise.js'
import { type HeadWriter, keepPrivate } from '../../node/keep-private.js'
import { type AdmissionTools, type AdmittedMessage, admitMessage, noteSession } from './admit-message.js'
import { changesOf } from './answer-changes.js'
import type { McpAuthInfo } from './mcp-auth-info.js'
import type { McpSession } from './mcp-sessions.js'
import { type AnswerRewriter, isEventStream } from './rewrite-answer.js'
import { whenStreamEnds } from './when-stream-ends.js'

/** A request of Node, of Express, or of what Fastify calls `raw`. */
export type McpNodeRequest = NodeRequest & { auth?: McpAuthInfo; body?: unknown }

/** What of a response of Node is used. */
export interface McpNodeResponse extends HeadWriter {
  readonly headersSent: boolean
  readonly statusCode: number
  write(chunk: unknown, ...rest: unknown[]): boolean
  end(...given: unknown[]): unknown
  once(event: 'close' | 'drain', listener: () => void): unknown
  emit(event: 'drain'): unknown
}

export type McpMiddleware = (
  incoming: McpNodeRequest,
  outgoing: McpNodeResponse,
  next: (error?: unknown) => unknown,
) => void

export function createMcpMiddleware(tools: AdmissionTools): McpMiddleware {
  return function protectMcpRequest(incoming, outgoing, next) {
    admit(tools, incoming, outgoing).then(
      (isAdmitted) => isAdmitted && next(),
      (error: unknown) => {
        // Handed on, it would let the request through where somebody calls the server from `next`.
        process.emitWarning(error instanceof Error ? error : new Error(String(error)))
        if (!outgoing.headersSent) outgoing.writeHead(500)
        outgoing.end()
      },
    )
  }
}

async function admit(tools: AdmissionTools, incoming: McpNodeRequest, outgoing: McpNodeResponse): Promise<boolean> {
  const admitted = await admitMessage(tools, receiveIncoming(incoming), incoming.method)
  if (admitted instanceof Response) {
    keepPrivate(outgoing)
    // The rest of a message that is refused by its head is not waited for.
    if (incoming.httpVersionMajor < 2 && !incoming.complete) outgoing.setHeader('connection', 'close')
    outgoing.writeHead(admitted.status, Object.fromEntries(admitted.headers))
    outgoing.end(await admitted.text())
    return false
  }
  const { message, authInfo, body, session } = admitted
  incoming.auth = authInfo
  showHead(incoming, session?.lastEventId)
  if (message) {
    incoming.body = message.value
    // What reads the body itself finds what was judged.
    incoming.rawBody = Buffer.from(body ?? [])
  }
  watchAnswer(tools, admitted, outgoing)
  return true
}

/** Shows the server its own id of an event, and has it send its answer as it is: what is in it may have to be changed. */
function showHead({ headers, rawHeaders }: McpNodeRequest, lastEventId: string | undefined): void {
  delete headers['accept-encoding']
  if (lastEventId !== undefined) headers['last-event-id'] = lastEventId
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase()
    if (name === 'accept-encoding') rawHeaders[at + 1] = 'identity'
    if (name === 'last-event-id' && lastEventId !== undefined) rawHeaders[at + 1] = lastEventId
  }
}

/** Where a session cannot be noted, it is nobody's. */
async function noted(noting: MaybePromise<McpSession | undefined>): Promise<McpSession | undefined> {
  try {
    return await noting
  } catch {
    return undefined
  }
}

/** Has the answer go through the changes that it needs, and end with what allowed it. */
function watchAnswer(tools: AdmissionTools, admitted: AdmittedMessage, outgoing: McpNodeResponse): void {
  const write = outgoing.write.bind(outgoing)
  const end = outgoing.end.bind(outgoing)
  const writeHead = outgoing.writeHead.bind(outgoing)
  let changes: AnswerRewriter | undefined
  let isBegun = false
  let isOver = false
  /** Until the socket has room, or is gone. */
  const room = () =>
    new Promise<void>((resolve) => {
      outgoing.once('drain', resolve)
      outgoing.once('close', resolve)
    })
  let sent = Promise.resolve()
  let isNoted = true

  /** Content waits until the session is noted, and with it the head: where it cannot be, the session is nobody's. */
  function waitFor(noting: PromiseLike<unknown>): void {
    isNoted = false
    const done = () => {
      isNoted = true
    }
    sent = Promise.resolve(noting).then(done, done)
  }

  function begin(status: number): void {
    if (isBegun) return
    isBegun = true
    const contentType = String(outgoing.getHeader('content-type') ?? '')
    const sessionId = outgoing.getHeader('mcp-session-id')
    const noting = noteSession(tools, admitted, sessionId === undefined ? undefined : String(sessionId), status < 400)
    if (noting && 'then' in noting) waitFor(noting)
    const contentEncoding = String(outgoing.getHeader('content-encoding') ?? '')
    changes = changesOf(admitted, tools, { contentType, contentEncoding }, noted(noting))
    // What is changed was not packed, or is told in place of what was.
    if (changes) for (const name of ['content-length', 'content-encoding', 'etag']) outgoing.removeHeader(name)
    if (!isEventStream(contentType)) return
    outgoing.once(
      'close',
      whenStreamEnds(tools, admitted, () => {
        isOver = true
        end()
      }),
    )
  }

  // All fields of the head are set when this is called: see keepPrivate.
  outgoing.writeHead = (status, ...rest) => {
    begin(status)
    return writeHead(status, ...rest)
  }
  keepPrivate(outgoing)
  outgoing.write = (chunk, ...rest) => {
    begin(outgoing.statusCode)
    const done = callbackIn(rest)
    if (isOver) {
      done()
      return false
    }
    const rewriter = changes
    if (!rewriter && isNoted) return write(chunk, ...rest)
    sent = sent.then(async () => {
      if (isOver) return done()
      const out = rewriter ? await rewriter.push(bytesOf(chunk)) : chunk
      // What holds nothing back would leave no time for anything else.
      if (out === '') await new Promise(setImmediate)
      // Node says when a full socket has room again; otherwise more may come at once.
      if (write(out, done)) outgoing.emit('drain')
      else await room()
    })
    return false
  }
  outgoing.end = (...given) => {
    begin(outgoing.statusCode)
    const rewriter = changes
    if (isOver) callbackIn(given)()
    else if (!rewriter && isNoted) return end(...given)
    if (isOver) return outgoing
    const [chunk] = given
    if (!rewriter) {
      sent = sent.then(() => void (isOver || end(...given)))
      return outgoing
    }
    sent = sent.then(async () => {
      const last = typeof chunk === 'string' || chunk instanceof Uint8Array ? await rewriter.push(bytesOf(chunk)) : ''
      if (!isOver) end(last + (await rewriter.end()), callbackIn(given))
    })
    return outgoing
  }
}

/** What is to be called when something was written: the last of what `write` and `end` are given. */
function callbackIn(given: readonly unknown[]): () => void {
  const last = given.at(-1)
  return typeof last === 'function' ? (last as () => void) : () => undefined
}

function bytesOf(chunk: unknown): Uint8Array {
  return typeof chunk === 'string' ? new TextEncoder().encode(chunk) : (chunk as Uint8Array)
}
