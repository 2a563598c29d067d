import type { MaybePromise } from '../../lib/maybe-promise.js'

/** Rewrites the messages in a JSON or event-stream response while it is being streamed. */
export interface ResponseRewriter {
  /** Accepts a chunk of the response, and returns the rewritten text that is ready. */
  push(bytes: Uint8Array): Promise<string>
  /** Returns the remaining text. */
  end(): Promise<string>
}

type Change = (message: unknown) => MaybePromise<unknown>

/** The fields of a response that determine how its content is parsed. */
export interface ResponseHead {
  contentType: string
  /** If empty, the content is not encoded. */
  contentEncoding: string
}

export interface RewriterOptions {
  /** @default messages are not changed */
  change?: Change | undefined
  /** Returns the new id of an event. If undefined, the id is removed. @default ids are not changed */
  eventId?: ((id: string) => MaybePromise<string | undefined>) | undefined
  /** Replaces content that cannot be inspected. If undefined, such content passes unchanged. */
  unreadable?: object | undefined
}

/** Undefined if the response passes unchanged. */
export function createRewriter(head: ResponseHead, options: RewriterOptions): ResponseRewriter | undefined {
  const { change, eventId, unreadable } = options
  const isEncoded = head.contentEncoding !== '' && head.contentEncoding.toLowerCase() !== 'identity'
  if (isEncoded) return unreadable && replaceAll(unreadable)
  if (isEventStream(head.contentType)) return change || eventId ? rewriteEvents(options) : undefined
  if (!change) return undefined
  const isJson = /^application\/(?:[\w!#$&^.+-]+\+)?json\b/i.test(head.contentType.trim())
  return isJson || unreadable ? rewriteJson(change, unreadable) : undefined
}

/** Whether a `Content-Type` indicates server-sent events. */
export function isEventStream(contentType: string): boolean {
  return /^text\/event-stream\b/i.test(contentType.trim())
}

/** The text of a rewritten message; undefined if it is withheld. */
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

function rewriteJson(change: Change, unreadable: object | undefined): ResponseRewriter {
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

function replaceAll(message: object): ResponseRewriter {
  return { push: async () => '', end: async () => JSON.stringify(message) }
}

/** Line endings (HTML §9.2). */
const lineEnd = /\r\n|\n|\r/g

/** An empty line ends an event. The event's `data` lines form one message (HTML §9.2). */
function rewriteEvents(options: RewriterOptions): ResponseRewriter {
  const decoder = new TextDecoder()
  /** The unfinished line. */
  let pieces: string[] = []
  /** The lines of the unfinished event. */
  let lines: string[] = []
  let endedByReturn = false

  async function take(text: string): Promise<string> {
    // A line feed after a carriage return belongs to the same line ending.
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
    // Clients discard an unfinished event.
    end: () => take(decoder.decode()),
  }
}

async function rewrittenEvent(given: readonly string[], options: RewriterOptions): Promise<readonly string[]> {
  const lines = await withEventIds(given, options)
  const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.replace(/^data: ?/, ''))
  const before = data.join('\n')
  // An event without data only sets the id to resume from.
  if (before === '') return lines
  const after = await rewritten(before, options)
  if (after === before) return lines
  const others = lines.filter((line) => !line.startsWith('data:'))
  return after === undefined ? others : [...others, `data: ${after}`]
}

async function withEventIds(lines: readonly string[], { eventId }: RewriterOptions): Promise<readonly string[]> {
  if (!eventId || !lines.some((line) => line.startsWith('id:'))) return lines
  const withIds: string[] = []
  for (const line of lines) {
    const id = line.startsWith('id:') ? line.replace(/^id: ?/, '') : ''
    const newId = id === '' ? undefined : await eventId(id)
    if (id === '') withIds.push(line)
    else if (newId !== undefined) withIds.push(`id: ${newId}`)
  }
  return withIds
}
