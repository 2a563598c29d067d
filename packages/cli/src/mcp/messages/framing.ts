/** Splits a stream of text chunks into lines. */
interface LineSplitter {
  /**
   * Returns the lines that this chunk completes.
   *
   * @throws RangeError if a line is too long and `onCut` is not set
   */
  take(piece: string): string[]
  /** Returns the text after the last line break. */
  rest(): string
}

/** The beginning and end of a line that was too long. */
export interface CutLine {
  start: string
  end: string
}

interface LineSplitterOptions {
  ends: RegExp
  /** Maximum length of a line, in characters. */
  longest: number
  /** Called for each line that is too long; the line is skipped. */
  onCut?: ((line: CutLine) => void) | undefined
}

/** Number of characters kept at either end. */
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

  /** Returns the completed line, or nothing if it was too long. */
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
      // Only the new chunk is searched. The text before it has no line break, and searching that text again for each chunk would take
      // minutes.
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

/** An event of a server-sent event stream. */
interface ServerEvent {
  data: string
  /** The id after which the stream can be resumed. */
  id: string | undefined
}

/** Maximum length of a message, in characters. */
export const longestMessage = 64 * 1024 * 1024

/** Cost of a line in addition to its characters, because even an empty line uses memory. */
const lineCost = 32

/** Ids that can be sent in `Last-Event-ID`; others are ignored. */
const fitForHeader = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/** Reads a stream of server-sent events as it arrives. An event that is incomplete when the stream ends is dropped. */
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
    if (length > longestMessage) throw new RangeError('an event in the stream is too long')
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
    // The second half of a CRLF that was split between two chunks.
    const isHalf = isAfterCr && text.startsWith('\n')
    isAfterCr = text.endsWith('\r')
    yield* splitter.take(isHalf ? text.slice(1) : text)
  }
}

/** Maximum number of values in a message. Each value takes memory, no matter how short its JSON is. */
const mostValues = 1_000_000

const quote = 34
const backslash = 92
/** The characters before a value: comma, opening bracket and opening brace. */
const marks: ReadonlySet<number> = new Set([44, 91, 123])

/** @throws RangeError if a JSON text has more than a million values */
export function requireFewValues(text: string): void {
  // Too short to contain that many values.
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
