import type { Readable } from 'node:stream'
import { type Message, type MessageId, readMessage, refusal, rpcCodes } from './json-rpc.js'
import { createLineSplitter } from './line-splitter.js'

/** Most characters of a line. */
const longestLine = 64 * 1024 * 1024

/** Messages of a client, one on each line, until it closes its end. What is no message is answered and passed over. */
export async function* readMessages(input: Readable, answer: (text: string) => void): AsyncGenerator<Message> {
  for await (const line of readLines(input)) {
    if (line.trim() === '') continue
    const message = parseLine(line)
    if (message !== undefined) yield message
    else answer(serializeMessage({ jsonrpc: '2.0', id: idIn(line), ...notOurs }))
  }
}

const notOurs = refusal(rpcCodes.invalidRequest, 'A line must be one message of JSON-RPC 2.0.')

/** One line, as a client reads it. */
export function serializeMessage(message: Message): string {
  return `${JSON.stringify(message)}\n`
}

async function* readLines(input: Readable): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  const splitter = createLineSplitter(/\n/, longestLine)
  for await (const chunk of input as AsyncIterable<Uint8Array | string>) {
    yield* splitter.take(typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))
  }
  const rest = splitter.rest()
  if (rest !== '') yield rest
}

function parseLine(line: string): Message | undefined {
  try {
    return readMessage(JSON.parse(line))
  } catch {
    return undefined
  }
}

/** The id of what else is no message, so that whoever waits is told. */
function idIn(line: string): MessageId | null {
  try {
    const { id } = JSON.parse(line) as { id?: unknown }
    return typeof id === 'string' || typeof id === 'number' ? id : null
  } catch {
    return null
  }
}
