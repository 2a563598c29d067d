import type { Readable } from 'node:stream'
import { type Message, type MessageId, readMessage, refusal, rpcCodes } from './json-rpc.js'
import { type CutLine, createLineSplitter } from './line-splitter.js'

/** Most characters of a line. */
const longestLine = 64 * 1024 * 1024

export interface StdioOptions {
  /** Writes to the client. */
  answer: (text: string) => void
  /** Told in one line. */
  onProblem: (text: string) => void
}

/** Messages of a client, one on each line, until it closes its end. What is no message is answered and passed over. */
export async function* readMessages(input: Readable, { answer, onProblem }: StdioOptions): AsyncGenerator<Message> {
  const onCut = (line: CutLine) => {
    onProblem(tooLong)
    answer(serializeMessage({ jsonrpc: '2.0', id: idOfCut(line), ...refusal(rpcCodes.invalidRequest, tooLong) }))
  }
  for await (const line of readLines(input, onCut)) {
    if (line.trim() === '') continue
    const message = parseLine(line)
    if (message !== undefined) yield message
    else answer(serializeMessage({ jsonrpc: '2.0', id: idIn(line), ...notOurs }))
  }
}

const notOurs = refusal(rpcCodes.invalidRequest, 'A line must be one message of JSON-RPC 2.0.')

const tooLong = 'A message of more than 64 MiB is not passed on.'

/** One line, as a client reads it. */
export function serializeMessage(message: Message): string {
  return `${JSON.stringify(message)}\n`
}

async function* readLines(input: Readable, onCut: (line: CutLine) => void): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  const splitter = createLineSplitter({ ends: /\n/, longest: longestLine, onCut })
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

/** The id of a message of which only the ends are left: as a first member, or as the last one, where clients write it. */
function idOfCut({ start, end }: CutLine): MessageId | null {
  const first = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?("id"\s*:\s*(?:\d+|"[^"\\]*"))\s*,/.exec(start)
  const last = /,\s*("id"\s*:\s*(?:\d+|"[^"\\]*"))\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/.exec(end)
  const member = (first ?? last)?.[1]
  return member === undefined ? null : idIn(`{${member}}`)
}
