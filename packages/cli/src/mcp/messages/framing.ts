/** Cuts a text that comes in pieces into lines. */
interface LineSplitter {
  /**
   * The lines that a piece ends.
   *
   * @throws RangeError where a line is longer than may be, and nobody is told of it
   */
  take(piece: string): string[]
  /** What follows the last end of a line. */
  rest(): string
}

/** What is left of a line that was longer than may be. */
export interface CutLine {
  start: string
  end: string
}

interface LineSplitterOptions {
  ends: RegExp
  /** Most characters of a line. */
  longest: number
  /** Told of each line that is longer, which is then passed over. */
  onCut?: ((line: CutLine) => void) | undefined
}

/** Characters that are left at either end. */
const leftOver = 1000

export function createLineSplitter({ ends, longest, onCut }: LineSplitterOptions): LineSplitter {
  let pieces: string[] = []
  let length = 0
  let cut: CutLine | undefined

  function add(piece: string): void {
    if (cut) {
      cut.end = (cut.end + piece).slice(-leftOver)
      return
    }
    pieces.push(piece)
    length += piece.length
    if (length <= longest) return
    if (!onCut) throw new RangeError('a line is too long')
    const line = pieces.join('')
    cut = { start: line.slice(0, leftOver), end: line.slice(-leftOver) }
    pieces = []
  }

  /** The line that has ended; none where it was too long. */
  function end(): string[] {
    const line = cut ? [] : [pieces.join('')]
    if (cut) onCut?.(cut)
    pieces = []
    length = 0
    cut = undefined
    return line
  }

  return {
    take(piece) {
      // What came before has no end of a line: to search it again for each piece would take minutes.
      const [first = '', ...others] = piece.split(ends)
      add(first)
      const lines = []
      for (const each of others) {
        lines.push(...end())
        add(each)
      }
      return lines
    },
    rest: () => end()[0] ?? '',
  }
}

/** One event of a stream of server-sent events. */
interface ServerEvent {
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

/** Most values of one message: each takes memory, however short it is written. */
const mostValues = 1_000_000

const quote = 34
const backslash = 92
/** What a value begins with, or what stands between two: comma, bracket and brace. */
const marks: ReadonlySet<number> = new Set([44, 91, 123])

/** @throws RangeError for a text of JSON with more than a million values */
export function requireFewValues(text: string): void {
  // Too short to have them.
  if (text.length < mostValues) return
  let values = 0
  let isText = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (isText && code === backslash) at++
    else if (code === quote) isText = !isText
    else if (!isText && marks.has(code) && ++values > mostValues)
      throw new RangeError('the message has too many values')
  }
}
