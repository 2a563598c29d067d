/** One event of a stream of server-sent events. */
export interface ServerEvent {
  data: string
  /** The id that the stream can be taken up after. */
  id: string | undefined
}

/** Most characters of one event. */
const longestEvent = 64 * 1024 * 1024

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
    if (name === 'id' && !value.includes('\0')) id = value
    if (name !== 'data') continue
    length += value.length
    if (length > longestEvent) throw new RangeError('an event of the stream is too long')
    data.push(value)
  }
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    rest += decoder.decode(chunk, { stream: true })
    // A CR at the end may be half of a CRLF.
    const until = rest.endsWith('\r') ? rest.length - 1 : rest.length
    const lines = rest.slice(0, until).split(/\r\n|\n|\r/)
    rest = (lines.pop() ?? '') + rest.slice(until)
    if (rest.length > longestEvent) throw new RangeError('a line of the stream is too long')
    yield* lines
  }
  // What follows the last end of a line is no line.
  yield* rest.split(/\r\n|\n|\r/).slice(0, -1)
}
