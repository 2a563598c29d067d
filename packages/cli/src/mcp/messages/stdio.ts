import type { Readable } from 'node:stream'
import { type CutLine, createLineSplitter } from './framing.js'
import { type Message, type MessageId, readMessage, refusal, rpcCodes } from './json-rpc.js'

/** Maximum length of a line, in characters. */
const longestLine = 64 * 1024 * 1024

interface StdioOptions {
  /** Writes to the client. */
  answer: (text: string) => void
  /** Called with a one-line description of the problem. */
  onProblem: (text: string) => void
}

/** Reads a client's messages, one per line, until the client closes its output. Invalid lines get an error response and are skipped. */
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

const notOurs = refusal(
  rpcCodes.invalidRequest,
  'Each line must be a single JSON-RPC 2.0 message, nested at most 1000 levels deep.',
)

const tooLong = 'Messages of more than 67108864 characters are not forwarded.'

/** Serializes a message to a single line. */
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

/** Returns the id of an invalid message, so that the error reaches the request that is waiting for it. */
function idIn(line: string): MessageId | null {
  try {
    const { id } = JSON.parse(line) as { id?: unknown }
    return typeof id === 'string' || typeof id === 'number' ? id : null
  } catch {
    return null
  }
}

/** Finds the id of a truncated message if it is the first or the last member, which is where clients write it. */
function idOfCut({ start, end }: CutLine): MessageId | null {
  const first = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?("id"\s*:\s*(?:\d+|"[^"\\]*"))\s*,/.exec(start)
  const last = /,\s*("id"\s*:\s*(?:\d+|"[^"\\]*"))\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/.exec(end)
  const member = (first ?? last)?.[1]
  return member === undefined ? null : idIn(`{${member}}`)
}

/** Output to the client, with backpressure. */
export interface ClientOutput {
  readonly write: (text: string) => void
  /** Resolves when the client has read everything that was written. Until then, the bridge reads nothing from a server. */
  readonly read: () => Promise<void>
  /** Resolves when the output buffer has room again. Until then, the bridge reads nothing from the client. */
  readonly room: () => Promise<void>
}

/**
 * Maximum number of characters buffered for a client that writes without reading. With less in the buffer, the client may simply not have
 * read yet.
 */
const maxWaiting = 64 * 1024 * 1024

export function createClientOutput(output: NodeJS.WritableStream): ClientOutput {
  let waiting = 0
  let reading: Promise<void> | undefined

  function untilRead(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        for (const event of ends) output.removeListener(event, done)
        reading = undefined
        resolve()
      }
      for (const event of ends) output.on(event, done)
    })
  }

  const read = () => reading ?? Promise.resolve()
  return {
    write(text) {
      waiting += text.length
      const hasRoom = output.write(text, () => {
        waiting -= text.length
      })
      if (!hasRoom) reading ??= untilRead()
    },
    read,
    async room() {
      while (waiting > maxWaiting && reading) await read()
    },
  }
}

/** Events that end the wait for the client to read, including its disconnection. */
const ends = ['drain', 'error', 'close'] as const
