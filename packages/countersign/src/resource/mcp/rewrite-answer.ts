import type { MaybePromise } from '../../lib/maybe-promise.js'

/** Changes each message of an answer, of JSON or of an event stream, as it goes by. */
export interface AnswerRewriter {
  /** What goes on of a piece of the answer. */
  push(bytes: Uint8Array): Promise<string>
  /** What is left at the end. */
  end(): Promise<string>
}

type Change = (message: unknown) => MaybePromise<unknown>

/** For the media type of an answer; undefined for one that holds no messages. */
export function createRewriter(contentType: string, change: Change): AnswerRewriter | undefined {
  if (/^application\/json\b/i.test(contentType)) return rewriteJson(change)
  return /^text\/event-stream\b/i.test(contentType) ? rewriteEvents(change) : undefined
}

async function rewritten(text: string, change: Change): Promise<string> {
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    return text
  }
  const changed = await change(message)
  return changed === message ? text : JSON.stringify(changed)
}

function rewriteJson(change: Change): AnswerRewriter {
  const decoder = new TextDecoder()
  let text = ''
  return {
    async push(bytes) {
      text += decoder.decode(bytes, { stream: true })
      return ''
    },
    end: () => rewritten(text + decoder.decode(), change),
  }
}

/** A line ends with any of these (HTML §9.2). */
const lineEnd = /\r\n|\n|\r/g

/** Events end with an empty line; the lines of one `data` field are one message (HTML §9.2). */
function rewriteEvents(change: Change): AnswerRewriter {
  const decoder = new TextDecoder()
  /** Of the line that has not ended. */
  let pieces: string[] = []
  /** Of the event that has not ended. */
  let lines: string[] = []
  let endedByReturn = false

  async function take(text: string): Promise<string> {
    // A line feed after it belongs to the end of the line before.
    const chunk = endedByReturn && text.startsWith('\n') ? text.slice(1) : text
    if (text !== '') endedByReturn = text.endsWith('\r')
    let out = ''
    let from = 0
    for (const { index, 0: end } of chunk.matchAll(lineEnd)) {
      const line = pieces.join('') + chunk.slice(from, index)
      pieces = []
      from = index + end.length
      if (line === '') out += await endEvent()
      else lines.push(line)
    }
    if (from < chunk.length) pieces.push(chunk.slice(from))
    return out
  }

  async function endEvent(): Promise<string> {
    const event = await rewrittenEvent(lines, change)
    lines = []
    return `${event.join('\n')}\n\n`
  }

  return {
    push: (bytes) => take(decoder.decode(bytes, { stream: true })),
    // What has not ended is no event: nobody would read it.
    end: () => take(decoder.decode()),
  }
}

async function rewrittenEvent(lines: readonly string[], change: Change): Promise<readonly string[]> {
  const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.replace(/^data: ?/, ''))
  if (data.length === 0) return lines
  const before = data.join('\n')
  const after = await rewritten(before, change)
  return after === before ? lines : [...lines.filter((line) => !line.startsWith('data:')), `data: ${after}`]
}
