import { STATUS_CODES } from 'node:http'
import { parseJsonObject } from 'countersign/wire'
import { printable } from '../text/printable.js'
import { titleCase } from '../text/title-case.js'
import { type FoundToken, findTokens } from './find-tokens.js'
import { type FrameRow, frameRow, frameTitles, type MessageKind, partyNames } from './frame-table.js'
import { refusalReason } from './refusal-reason.js'
import type { HeaderLines, TracedRequest, TraceEvent } from './trace-event.js'

export const rule = '='.repeat(80)

/** Longest header value that is shown whole. */
const maxValue = 100

/**
 * A message in the frame of its side, every token decoded under what carried it. `decodedAbove` says of a token that the
 * frame of the other side of this very message shows it decoded.
 */
export function renderFrame(
  event: Extract<TraceEvent, { kind: MessageKind }>,
  decodedAbove: (token: FoundToken) => boolean = () => false,
): string {
  const sentBySender = event.kind === 'request-sent' || event.kind === 'response-received'
  const party = sentBySender ? event.from : event.to
  const row = frameRow(event.kind, party)
  const message = 'response' in event ? event.response : event.request
  const start = 'response' in event ? statusLine(event.response.status, row) : requestLine(event.request, sentBySender)
  const tokens = findTokens(message)
  const decode = (token: FoundToken) => (decodedAbove(token) ? [referenceLine(token)] : decodedLines(token))
  const reason = 'response' in event ? refusalReason(event.response) : undefined
  return [
    rule,
    printable(frameTitles[event.kind](partyNames[party], event.request.url)),
    rule,
    printable(start),
    ...headerSection(message.headers, row, { tokens, decode }),
    ...bodySection(message.body, row, { tokens, decode }),
    ...(reason === undefined ? [] : ['', printable(`Refused: ${reason}`)]),
    rule,
    '',
  ].join('\n')
}

/** The frame that asks a person to open a URL. */
export function renderConsentRequired({ url, code }: { url: string; code: string }): string {
  return [
    rule,
    'CONSENT REQUIRED',
    rule,
    '',
    'Please open the following URL in your browser:',
    '',
    `  ${printable(url)}`,
    '',
    `If the page shows a code, it should be ${code}.`,
    'After granting consent, the agent will automatically exchange the code.',
    'Waiting for authorization code...',
    rule,
    '',
  ].join('\n')
}

function requestLine({ method, url }: TracedRequest, whole: boolean): string {
  return `${method} ${whole ? url : url.slice(new URL(url).origin.length)} HTTP/1.1`
}

function statusLine(status: number, { reason }: FrameRow): string {
  return `HTTP/1.1 ${status} ${reason ? (STATUS_CODES[status] ?? '') : ''}`.trimEnd()
}

interface Decoding {
  tokens: readonly FoundToken[]
  decode: (token: FoundToken) => string[]
}

function headerSection(headers: HeaderLines, { names }: FrameRow, { tokens, decode }: Decoding): string[] {
  const sorted = [...headers].sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
  return sorted.flatMap(([name, value]) => [
    printable(`${names === 'title' ? titleCase(name) : name}: ${cutValue(value)}`),
    ...tokens.filter(({ part }) => part === name).flatMap(decode),
  ])
}

/** A header value as it is shown: cut to 97 characters and three dots where it is longer than 100. */
function cutValue(value: string): string {
  return value.length > maxValue ? `${value.slice(0, maxValue - 3)}...` : value
}

function bodySection(body: string | null, { pretty }: FrameRow, { tokens, decode }: Decoding): string[] {
  if (body === null) return []
  const object = pretty ? parseJsonObject(body) : undefined
  return [
    '',
    object ? '[Body]' : `[Body (${Buffer.byteLength(body)} bytes)]`,
    printable(object ? JSON.stringify(object, null, 2) : body),
    ...tokens.filter(({ part }) => part === 'body').flatMap(decode),
  ]
}

function referenceLine({ member, kind }: FoundToken): string {
  return printable(`  | ${nameOf(kind)} in ${member}: the same, decoded above where it was sent`)
}

function nameOf(kind: string): string {
  return `${kind.replace('+jwt', '').toUpperCase()} TOKEN`
}

function decodedLines({ member, kind, header, payload }: FoundToken): string[] {
  const lines = [
    `${nameOf(kind)} (decoded) in ${member}`,
    `Header:\n${JSON.stringify(header, null, 2)}`,
    `Payload:\n${JSON.stringify(payload, null, 2)}`,
  ]
  return lines.flatMap((text) => text.split('\n')).map((line) => printable(`  | ${line}`))
}
