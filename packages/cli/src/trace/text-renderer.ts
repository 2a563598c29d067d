import { STATUS_CODES } from 'node:http'
import { emphasis, printable } from '../terminal/text.js'
import type { FoundToken } from './find-tokens.js'
import { type MessageKind, refusalReason, renderConsentRequired, renderFrame } from './render-frame.js'
import { isDiscovery, type TraceEvent } from './trace-event.js'

export interface TextRendererOptions {
  write: (text: string) => void
  /** Whether to emphasize titles, for terminals. @default false */
  colour?: boolean
}

type MessageEvent = Extract<TraceEvent, { kind: MessageKind }>

/** Writes events as frames. Discovery fetches and browser requests are written as one line each, once they have a response. */
export function createTextRenderer({ write, colour = false }: TextRendererOptions): (event: TraceEvent) => void {
  const emphasize = colour ? emphasizeTitle : (text: string) => text
  const decodedAbove = createDecodedAbove()
  let afterLine = false

  function writeFrame(text: string): void {
    write(`${afterLine ? '\n' : ''}${emphasize(text)}\n`)
    afterLine = false
  }

  return function renderEvent(event) {
    if (event.kind === 'consent-required') writeFrame(renderConsentRequired(event))
    else if (!isOneLine(event)) writeFrame(renderFrame(event, (token) => decodedAbove(event, token)))
    else if (event.kind === 'response-sent' || (event.kind === 'response-received' && event.elsewhere)) {
      write(renderLine(event))
      afterLine = true
    }
  }
}

/** Maximum number of messages remembered until they are seen on the other side; some are never received. */
const rememberedMessages = 100

/** Returns a function that tells whether a token has already been shown on the sender's side of the same message. */
function createDecodedAbove(): (event: MessageEvent, token: FoundToken) => boolean {
  const sent = new Map<string, Set<string>>()
  return ({ kind, exchange }, { part, member, compact }) => {
    const message = `${exchange} ${kind.startsWith('request') ? 'request' : 'response'}`
    const place = `${part} ${member} ${compact}`
    const shown = sent.get(message)
    if (kind.endsWith('received')) return shown?.has(place) ?? false
    sent.set(message, (shown ?? new Set()).add(place))
    const [oldest] = sent.keys()
    if (sent.size > rememberedMessages && oldest !== undefined) sent.delete(oldest)
    return false
  }
}

function isOneLine({ from, request }: MessageEvent): boolean {
  return from === 'browser' || (request.method === 'GET' && isDiscovery(request.url))
}

function renderLine(event: Extract<MessageEvent, { response: object }>): string {
  const { from, to, request, response } = event
  const target = request.url.slice(new URL(request.url).origin.length)
  const words = `${response.status} ${STATUS_CODES[response.status] ?? ''}`.trimEnd()
  const reason = refusalReason(response)
  const spoken = (party: string) => party.replace('-', ' ')
  const line = `INFO: ${spoken(from)} -> ${spoken(to)} "${request.method} ${target} HTTP/1.1" ${words}\n`
  return printable(line) + (reason === undefined ? '' : printable(`Refused: ${reason}\n`))
}

function emphasizeTitle(frame: string): string {
  const [rule = '', title = '', ...rest] = frame.split('\n')
  return [rule, `${emphasis.on}${title}${emphasis.off}`, ...rest].join('\n')
}
