import { createLineSplitter } from './line-splitter.js'

/** One event of a stream of server-sent events. */
export interface ServerEvent {
  data: string
  /** The id that the stream can be taken up after. */
  id: string | undefined
}

/** Most characters of one message. */
export const longestMessage = 64 * 1024 * 1024

/** What a line counts besides its characters: an empty one takes memory, too. */
const lineCost = 32

/** Other ids are as none: `Last-Event-ID` cannot say them. */
const fitForHeader = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/** Reads a stream of server-sent events as it comes. An event that is not finished when the stream ends is dropped. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  let data: string[] = []
  let length = 0
  let id: string | undefined
  for await (const line of linesOf(body)) {
    if (line === '') {
      if (data.length > 0) yield { data: data.join('\n'), id }
      data = []
      length = 0
      continue
    }
    const [, name, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (name === 'id' && fitForHeader.test(value)) id = value
    if (name !== 'data') continue
    length += value.length + lineCost
    if (length > longestMessage) throw new RangeError('an event of the stream is too long')
    data.push(value)
  }
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  const splitter = createLineSplitter({ ends: /\r\n|\n|\r/, longest: longestMessage })
  let isAfterCr = false
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    const text = decoder.decode(chunk, { stream: true })
    if (text === '') continue
    // The other half of a CRLF that was cut in two.
    const isHalf = isAfterCr && text.startsWith('\n')
    isAfterCr = text.endsWith('\r')
    yield* splitter.take(isHalf ? text.slice(1) : text)
  }
}
