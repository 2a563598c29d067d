import { printable } from '../../terminal/text.js'
import { longestMessage, readEvents, requireFewValues } from '../messages/framing.js'
import { type Message, readMessage } from '../messages/json-rpc.js'
import { ServerProblem } from '../messages/server-problem.js'
import { labelNotice } from '../messages/server-questions.js'

/** The context of a client's request that is being processed. */
export interface Exchange {
  /**
   * Sends to the server, signed as the agent. If consent is needed, the user is prompted in a way that this client supports; rejects with
   * `RespondedLocally` if the user has not decided in time.
   */
  readonly send: (init: RequestInit) => Promise<Response>
  /** Aborts when the client cancels the request or disconnects. */
  readonly signal: AbortSignal
  /** Sends the client everything that arrives before the response: notifications, and requests from a server with sessions. */
  readonly toClient: (message: Message) => void
}

/** A message from a server, with the id after which its stream can be resumed. */
interface Received {
  message: Message | undefined
  eventId: string | undefined
}

/** Sends one message to a server. */
export function postMessage(
  message: Message,
  headers: Readonly<Record<string, string>>,
  { send, signal }: Exchange,
): Promise<Response> {
  return send({
    method: 'POST',
    headers: { accept: 'application/json, text/event-stream', 'content-type': 'application/json', ...headers },
    body: JSON.stringify(message),
    signal,
  })
}

/**
 * Yields the messages of a response as they arrive; yields nothing for a response that only acknowledges.
 *
 * @throws ServerProblem if it is not an MCP response
 */
export async function* messagesIn(response: Response, host: string): AsyncGenerator<Received> {
  const { body, status } = response
  const type = response.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  try {
    if (type === 'text/event-stream' && response.ok && body) {
      for await (const { data, id } of readEvents(body as ReadableStream<Uint8Array>))
        yield { message: parse(data, host), eventId: id }
      return
    }
    if (type === 'application/json') {
      const message = parse(body ? await readText(body as ReadableStream<Uint8Array>) : '', host)
      // An HTTP error response may contain an MCP message, or other content.
      if (message !== undefined || response.ok) return yield { message, eventId: undefined }
      throw problemOf(response, host)
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new ServerProblem(`${host} sent a message that is too long, is nested too deeply, or has too many values.`, {
      status,
      cause: error,
    })
  }
  await body?.cancel()
  if (status !== 202 && status !== 204) throw problemOf(response, host)
}

/** Reads a whole text, and stops if it is too long. */
async function readText(body: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  const pieces: string[] = []
  let length = 0
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength
    if (length > longestMessage) throw new RangeError('the response is too long')
    pieces.push(decoder.decode(chunk, { stream: true }))
  }
  return pieces.join('') + decoder.decode()
}

function parse(text: string, host: string): Message | undefined {
  requireFewValues(text)
  const message = readMessage(parseJson(text))
  return message && labelNotice(message, host)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function problemOf({ status, headers }: Response, host: string): ServerProblem {
  const to = headers.get('location')
  if (status >= 300 && status < 400 && to !== null)
    return new ServerProblem(`${host} sent a redirect, which is not followed.`, {
      status,
      userDetail: redirectText(to),
    })
  if (status === 413)
    return new ServerProblem(`${host} does not accept a message of this size: send less at once.`, { status })
  const why = status < 300 ? 'with something other than an MCP message' : `with status ${status}`
  return new ServerProblem(`${host} responded ${why}.`, { status })
}

/** Describes a redirect target by its origin and path only, because the rest could contain sentences written by the server. */
function redirectText(location: string): string | undefined {
  const url = URL.canParse(location) ? new URL(location) : undefined
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') return undefined
  return `It redirects to ${printable(url.origin + url.pathname).slice(0, 100)}`
}
