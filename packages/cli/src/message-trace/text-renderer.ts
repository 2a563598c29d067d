import { STATUS_CODES } from 'node:http'
import { januaryTrace } from '../editions/january-trace.js'
import type { TraceForm } from '../editions/trace-form.js'
import { emphasis, printable } from '../terminal/text.js'
import type { FoundToken } from './find-tokens.js'
import {
  fitLine,
  type MessageKind,
  nameOfParty,
  refusalReason,
  renderConsentRequired,
  renderFrame,
  type ShownAbove,
} from './render-frame.js'
import { isDiscovery, type TraceEvent } from './trace-event.js'

export interface TextRendererOptions {
  /** The form of the edition's messages. @default January 2026 */
  form?: TraceForm
  write: (text: string) => void
  /** Whether to emphasize titles, for terminals. @default false */
  colour?: boolean
}

type MessageEvent = Extract<TraceEvent, { kind: MessageKind }>

/** Writes events as frames. Discovery fetches and browser requests are written as one line each, once they have a response. */
export function createTextRenderer({
  form = januaryTrace,
  write,
  colour = false,
}: TextRendererOptions): (event: TraceEvent) => void {
  const emphasize = colour ? emphasizeTitle : (text: string) => text
  const shownAbove = createShownAbove()
  let afterLine = false

  function writeFrame(text: string): void {
    write(`${afterLine ? '\n' : ''}${emphasize(text)}\n`)
    afterLine = false
  }

  return function renderEvent(event) {
    if (event.kind === 'consent-required') writeFrame(renderConsentRequired(event, form))
    else if (!isOneLine(event)) writeFrame(renderFrame(event, form, shownAbove(event)))
    else if (event.kind === 'response-sent' || (event.kind === 'response-received' && event.elsewhere)) {
      write(renderLine(event, form))
      afterLine = true
    }
  }
}

/** Maximum number of messages remembered until they are seen on the other side; some are never received. */
const rememberedMessages = 100

/** Returns a function that tells what has already been shown on the sender's side of the same message. */
function createShownAbove(): (event: MessageEvent) => ShownAbove {
  const sent = new Map<string, Set<string>>()
  return ({ kind, exchange }) => {
    const message = `${exchange} ${kind.startsWith('request') ? 'request' : 'response'}`
    const shown = sent.get(message)
    const place = ({ part, member, compact }: FoundToken) => `${part} ${member} ${compact}`
    if (kind.endsWith('received'))
      return { token: (token) => shown?.has(place(token)) ?? false, headers: shown !== undefined }
    const places = new Set<string>()
    sent.set(message, places)
    const [oldest] = sent.keys()
    if (sent.size > rememberedMessages && oldest !== undefined) sent.delete(oldest)
    return {
      token(token) {
        places.add(place(token))
        return false
      },
      headers: false,
    }
  }
}

function isOneLine({ from, request }: MessageEvent): boolean {
  return from === 'browser' || (request.method === 'GET' && isDiscovery(request.url))
}

function renderLine(event: Extract<MessageEvent, { response: object }>, form: TraceForm): string {
  const { from, to, request, response } = event
  const target = request.url.slice(new URL(request.url).origin.length)
  const words = `${response.status} ${STATUS_CODES[response.status] ?? ''}`.trimEnd()
  const reason = refusalReason(response, form)
  const page = from === 'browser' ? form.describePage(response.body ?? '') : undefined
  const lines = [
    `INFO: ${nameOfParty(from, form)} -> ${nameOfParty(to, form)} "${request.method} ${target} HTTP/1.1" ${words}`,
    ...(reason === undefined ? [] : [`Refused: ${reason}`]),
    ...(page === undefined ? [] : [page]),
  ]
  return lines.map((line) => `${fitLine(printable(line), form)}\n`).join('')
}

function emphasizeTitle(frame: string): string {
  const [rule = '', title = '', ...rest] = frame.split('\n')
  return [rule, `${emphasis.on}${title}${emphasis.off}`, ...rest].join('\n')
}
