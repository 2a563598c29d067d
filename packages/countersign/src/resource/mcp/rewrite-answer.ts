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

/** Events end with an empty line; the lines of one `data` field are one message (HTML §9.2). */
function rewriteEvents(change: Change): AnswerRewriter {
  const decoder = new TextDecoder()
  let rest = ''
  return {
    async push(bytes) {
      rest += decoder.decode(bytes, { stream: true })
      let out = ''
      for (;;) {
        const end = /\r\n\r\n|\n\n|\r\r/.exec(rest)
        if (!end) return out
        const event = rest.slice(0, end.index)
        rest = rest.slice(end.index + end[0].length)
        out += (await rewrittenEvent(event, change)) + end[0]
      }
    },
    async end() {
      return rest + decoder.decode()
    },
  }
}

async function rewrittenEvent(event: string, change: Change): Promise<string> {
  const lines = event.split(/\r\n|\n|\r/)
  const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.replace(/^data: ?/, ''))
  if (data.length === 0) return event
  const before = data.join('\n')
  const after = await rewritten(before, change)
  if (after === before) return event
  return [...lines.filter((line) => !line.startsWith('data:')), `data: ${after}`].join('\n')
}
