import { readEvents } from '../messages/event-stream.js'
import type { Exchange } from '../messages/exchange.js'
import { type Message, readMessage } from '../messages/json-rpc.js'
import { ServerProblem } from './server-problem.js'

/** What a server sent, with the id that its stream can be taken up after. */
export interface Received {
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
  if (type === 'text/event-stream' && response.ok && body) {
    for await (const { data, id } of readEvents(body as ReadableStream<Uint8Array>))
      yield { message: data === '' ? undefined : parse(data), eventId: id }
    return
  }
  if (type === 'application/json') {
    const text = await response.text()
    const message = text === '' ? undefined : parse(text)
    // Errors of HTTP come with a message, too, or with something that is none.
    if (message !== undefined || response.ok) return yield { message, eventId: undefined }
    throw problemOf(response, host)
  }
  await body?.cancel()
  if (status !== 202 && status !== 204) throw problemOf(response, host)
}

function parse(text: string): Message | undefined {
  try {
    return readMessage(JSON.parse(text))
  } catch {
    return undefined
  }
}

function problemOf({ status, headers }: Response, host: string): ServerProblem {
  const to = headers.get('location')
  if (status >= 300 && status < 400 && to !== null)
    return new ServerProblem(`${host} sends on to ${to.slice(0, 300)}: give that address to countersign mcp.`, {
      status,
    })
  const why = status < 300 ? 'with something else than a message of MCP' : `with status ${status}`
  return new ServerProblem(`${host} answered ${why}.`, { status })
}
