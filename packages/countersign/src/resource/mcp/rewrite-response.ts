import type { MaybePromise } from '../../lib/maybe-promise.js'

/** Changes each message of an answer, of JSON or of an event stream, as it goes by. */
export interface AnswerRewriter {
  /** What goes on of a piece of the answer. */
  push(bytes: Uint8Array): Promise<string>
  /** What is left at the end. */
  end(): Promise<string>
}

type Change = (message: unknown) => MaybePromise<unknown>

/** The head of an answer, as far as it says how to read what follows. */
export interface AnswerHead {
  contentType: string
  /** How the content is packed; empty: it is not. */
  contentEncoding: string
}

export interface RewriterOptions {
  /** @default nothing is changed in messages */
  change?: Change | undefined
  /** What becomes of the id of an event; undefined: it has none. @default what it is */
  eventId?: ((id: string) => MaybePromise<string | undefined>) | undefined
  /** Told in place of what cannot be read: nothing of that passes. Undefined: it passes as it is. */
  unreadable?: object | undefined
}

/** For the head of an answer; undefined where nothing needs to be changed in it. */
export function createRewriter(head: AnswerHead, options: RewriterOptions): AnswerRewriter | undefined {
  const { change, eventId, unreadable } = options
  const isPacked = head.contentEncoding !== '' && head.contentEncoding.toLowerCase() !== 'identity'
  if (isPacked) return unreadable && replaceAll(unreadable)
  if (isEventStream(head.contentType)) return change || eventId ? rewriteEvents(options) : undefined
  if (!change) return undefined
  const isJson = /^application\/(?:[\w!#$&^.+-]+\+)?json\b/i.test(head.contentType.trim())
  return isJson || unreadable ? rewriteJson(change, unreadable) : undefined
}

/** Whether a `Content-Type` is the one of server-sent events. */
export function isEventStream(contentType: string): boolean {
  return /^text\/event-stream\b/i.test(contentType.trim())
}

/** The text of a message as it goes on; undefined: nothing of it does. */
async function rewritten(text: string, { change, unreadable }: RewriterOptions): Promise<string | undefined> {
  if (!change) return text
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    return unreadable ? undefined : text
  }
  try {
    const changed = await change(message)
    return changed === message ? text : JSON.stringify(changed)
  } catch (error) {
    // Deep nesting exhausts the stack.
    if (unreadable && error instanceof RangeError) return JSON.stringify(unreadable)
    throw error
  }
}

function rewriteJson(change: Change, unreadable: object | undefined): AnswerRewriter {
  const decoder = new TextDecoder()
  let text = ''
  return {
    async push(bytes) {
      text += decoder.decode(bytes, { stream: true })
      return ''
    },
    async end() {
      text += decoder.decode()
      return text === '' ? '' : ((await rewritten(text, { change, unreadable })) ?? JSON.stringify(unreadable))
    },
  }
}

function replaceAll(message: object): AnswerRewriter {
  return { push: async () => '', end: async () => JSON.stringify(message) }
}

/** A line ends with any of these (HTML §9.2). */
const lineEnd = /\r\n|\n|\r/g

/** Events end with an empty line; the lines of one `data` field are one message (HTML §9.2). */
function rewriteEvents(options: RewriterOptions): AnswerRewriter {
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
    const event = await rewrittenEvent(lines, options)
    lines = []
    return `${event.join('\n')}\n\n`
  }

  return {
    push: (bytes) => take(decoder.decode(bytes, { stream: true })),
    // What has not ended is no event: nobody would read it.
    end: () => take(decoder.decode()),
  }
}

async function rewrittenEvent(given: readonly string[], options: RewriterOptions): Promise<readonly string[]> {
  const lines = await withShownIds(given, options)
  const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.replace(/^data: ?/, ''))
  const before = data.join('\n')
  // Without a message, it says where to go on.
  if (before === '') return lines
  const after = await rewritten(before, options)
  if (after === before) return lines
  const others = lines.filter((line) => !line.startsWith('data:'))
  return after === undefined ? others : [...others, `data: ${after}`]
}

async function withShownIds(lines: readonly string[], { eventId }: RewriterOptions): Promise<readonly string[]> {
  if (!eventId || !lines.some((line) => line.startsWith('id:'))) return lines
  const shown: string[] = []
  for (const line of lines) {
    const id = line.startsWith('id:') ? line.replace(/^id: ?/, '') : ''
    const as = id === '' ? undefined : await eventId(id)
    if (id === '') shown.push(line)
    else if (as !== undefined) shown.push(`id: ${as}`)
  }
  return shown
}
