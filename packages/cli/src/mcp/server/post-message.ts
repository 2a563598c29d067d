import { printable } from '../../terminal/text.js'
import { longestMessage, readEvents, requireFewValues } from '../messages/framing.js'
import { type Message, readMessage } from '../messages/json-rpc.js'
import { ServerProblem } from '../messages/server-problem.js'
import { noticeNamed } from '../messages/server-questions.js'

/** What one request of the client has while it is answered. */
export interface Exchange {
  /**
   * Sends to the server, signed as the agent. Where a person must decide first they are asked, as this client can; rejects with
   * `AnsweredInstead` where they have not decided in time.
   */
  readonly send: (init: RequestInit) => Promise<Response>
  /** Aborts when the client gives the request up, or goes away. */
  readonly signal: AbortSignal
  /** Shows the client what comes before the answer: notifications, and requests of a server with sessions. */
  readonly toClient: (message: Message) => void
}

/** What a server sent, with the id that its stream can be taken up after. */
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
 * The messages of an answer, as they come; none of one that only says it has arrived.
 *
 * @throws ServerProblem for what is no answer of MCP
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
      // Errors of HTTP come with a message, too, or with something that is none.
      if (message !== undefined || response.ok) return yield { message, eventId: undefined }
      throw problemOf(response, host)
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new ServerProblem(`${host} sent a message that is too long, or nested too deep.`, { status, cause: error })
  }
  await body?.cancel()
  if (status !== 202 && status !== 204) throw problemOf(response, host)
}

/** A whole text; what is left of one that is too long is not read. */
async function readText(body: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  const pieces: string[] = []
  let length = 0
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength
    if (length > longestMessage) throw new RangeError('the answer is too long')
    pieces.push(decoder.decode(chunk, { stream: true }))
  }
  return pieces.join('') + decoder.decode()
}

function parse(text: string, host: string): Message | undefined {
  requireFewValues(text)
  const message = readMessage(parseJson(text))
  return message && noticeNamed(message, host)
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
    return new ServerProblem(`${host} redirects, which is not followed.`, { status, forPerson: redirectText(to) })
  if (status === 413)
    return new ServerProblem(`${host} does not take a message of this size: send less at once.`, { status })
  const why = status < 300 ? 'with something else than a message of MCP' : `with status ${status}`
  return new ServerProblem(`${host} answered ${why}.`, { status })
}

/** Where a server sends people on to, as far as it is an address: the rest could be sentences of the server's. */
function redirectText(location: string): string | undefined {
  const url = URL.canParse(location) ? new URL(location) : undefined
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') return undefined
  return `It names ${printable(url.origin + url.pathname).slice(0, 100)}`
}
