import type { Readable } from 'node:stream'
import { type CutLine, createLineSplitter } from './framing.js'
import { type Message, type MessageId, readMessage, refusal, rpcCodes } from './json-rpc.js'

/** Most characters of a line. */
const longestLine = 64 * 1024 * 1024

interface StdioOptions {
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

/** What the client reads, at its pace. */
export interface ClientOutput {
  readonly write: (text: string) => void
  /** Resolves when the client has read what was written: until then nothing is read from a server. */
  readonly read: () => Promise<void>
  /** Resolves when not too much waits for the client: until then nothing is read from it. */
  readonly room: () => Promise<void>
}

/** Characters that may wait for a client which writes, and does not read: with fewer it may be about to. */
const mostWaiting = 64 * 1024 * 1024

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
      while (waiting > mostWaiting && reading) await read()
    },
  }
}

/** What ends the wait for a reader; one that is gone reads nothing more. */
const ends = ['drain', 'error', 'close'] as const
