import { STATUS_CODES } from 'node:http'
import { parseJsonObject } from 'countersign/tokens'
import type { TraceForm } from '../editions/trace-form.js'
import { breakLine, printable, titleCase, wrapText } from '../terminal/text.js'
import { type FoundToken, findTokens } from './find-tokens.js'
import type { HeaderLines, Party, TracedRequest, TracedResponse, TraceEvent } from './trace-event.js'

const rule = '='.repeat(80)

/** What has already been shown of a message, in its sender's frame. */
export interface ShownAbove {
  token: (token: FoundToken) => boolean
  headers: boolean
}

const nothingYet: ShownAbove = { token: () => false, headers: false }

/**
 * Renders a message as a frame, with each token decoded below the line that contains it, unless the sender's frame for this message has
 * already shown it decoded.
 */
export function renderFrame(
  event: Extract<TraceEvent, { kind: MessageKind }>,
  form: TraceForm,
  above: ShownAbove = nothingYet,
): string {
  const sentBySender = event.kind === 'request-sent' || event.kind === 'response-received'
  const party = sentBySender ? event.from : event.to
  const row = frameRow(event.kind, party, form)
  const response = 'response' in event ? event.response : undefined
  const message = response ?? event.request
  const start = response ? statusLine(response.status, row) : requestLine(event.request, sentBySender)
  const decoding: Decoding = {
    tokens: findTokens(message),
    decode: (token) => (above.token(token) ? [referenceLine(token)] : decodedLines(token)),
    describe: (name, value) => (above.headers ? undefined : form.describeHeader(name, value, response?.status)),
  }
  const reason = response && refusalReason(response, form)
  return [
    rule,
    printable(frameTitles[event.kind](nameOfParty(party, form).toUpperCase(), event.request.url)),
    rule,
    printable(start),
    ...headerSection(message.headers, row, form, decoding),
    ...bodySection(message.body, row, decoding),
    ...(reason === undefined ? [] : ['', printable(`Refused: ${reason}`)]),
    rule,
    '',
  ]
    .flatMap((text) => text.split('\n'))
    .map((line) => fitLine(line, form))
    .join('\n')
}

/** What an edition calls a party. */
export function nameOfParty(party: Party, { serverName }: TraceForm): string {
  return party === 'auth-server' ? serverName : party
}

/** Shortens a line, and breaks it if it is still too long. */
export function fitLine(line: string, { columns, shortenLine }: TraceForm): string {
  return columns === undefined ? shortenLine(line) : breakLine(shortenLine(line), columns)
}

/** Renders the frame that asks the user to open a URL. */
export function renderConsentRequired(
  { url, code }: { url: string; code: string },
  { afterConsent }: Pick<TraceForm, 'afterConsent'>,
): string {
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
    ...afterConsent,
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
  describe: (name: string, value: string) => string | undefined
}

function headerSection(
  headers: HeaderLines,
  { names }: FrameRow,
  { shortenHeader }: TraceForm,
  { tokens, decode, describe }: Decoding,
): string[] {
  const sorted = [...headers].sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
  return sorted.flatMap(([name, value]) => {
    const description = describe(name, value)
    return [
      printable(`${names === 'title' ? titleCase(name) : name}: ${shortenHeader(value)}`),
      ...(description === undefined
        ? []
        : [wrapText(quote, printable(description)).replaceAll('\n    ', `\n${quote}`)]),
      ...tokens.filter(({ part }) => part === name).flatMap(decode),
    ]
  })
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

/** Starts the lines that explain the line above them. */
const quote = '  | '

function referenceLine({ member, kind }: FoundToken): string {
  return printable(`${quote}${nameOf(kind)} in ${member}: already decoded above, where it was sent`)
}

function nameOf(kind: string): string {
  return `${kind.replaceAll(/^aa-|\+jwt$/g, '').toUpperCase()} TOKEN`
}

function decodedLines({ member, kind, header, payload }: FoundToken): string[] {
  const lines = [
    `${nameOf(kind)} (decoded) in ${member}`,
    `Header:\n${JSON.stringify(header, null, 2)}`,
    `Payload:\n${JSON.stringify(payload, null, 2)}`,
  ]
  return lines.flatMap((text) => text.split('\n')).map((line) => printable(quote + line))
}

/** How one side of an exchange is rendered. */
interface FrameRow {
  /** `title`: `Content-Type`, as a program would write it; `lower`: `content-type`, as received. */
  names: 'title' | 'lower'
  /** Whether the status line includes the reason phrase. */
  reason: boolean
  /** Whether a JSON body is pretty-printed. */
  pretty: boolean
}

export type MessageKind = Exclude<TraceEvent['kind'], 'consent-required'>

const received: FrameRow = { names: 'lower', reason: true, pretty: false }

const rows: Readonly<Record<MessageKind, FrameRow>> = {
  'request-sent': { names: 'title', reason: true, pretty: false },
  'request-received': received,
  'response-sent': { names: 'lower', reason: false, pretty: false },
  'response-received': received,
}

/** Returns how to render a message, depending on the side that sees it. */
function frameRow(kind: MessageKind, party: Party, { prettyBodies }: TraceForm): FrameRow {
  const authServer = kind === 'response-sent' && party === 'auth-server'
  if (authServer) return { names: 'title', reason: true, pretty: true }
  return prettyBodies ? { ...rows[kind], pretty: true } : rows[kind]
}

/** Title of a frame. */
const frameTitles: Readonly<Record<MessageKind, (party: string, url: string) => string>> = {
  'request-sent': (party, url) => `>>> ${party} REQUEST to ${url}`,
  'request-received': (party) => `>>> ${party} REQUEST received`,
  'response-sent': (party) => `<<< ${party} RESPONSE`,
  'response-received': (party, url) => `<<< ${party} RESPONSE from ${url}`,
}

/** Returns, on one line, why a response is a refusal; undefined if it is not a refusal. */
export function refusalReason(response: TracedResponse, form: TraceForm): string | undefined {
  const reasons = refusalReasons(response, form)
  return reasons.length === 0 ? undefined : reasons.join('; ').replaceAll(/\s+/g, ' ')
}

/** Returns why a response is a refusal: its error code, the description, and what its headers add. Empty if it is not a refusal. */
export function refusalReasons(response: TracedResponse, { reasons: reasonsIn }: TraceForm): readonly string[] {
  const header = (name: string) => response.headers.find(([candidate]) => candidate === name)?.[1]
  const location = header('location')
  if (location !== undefined && response.status < 400) return redirectReasons(location)
  if (response.status < 400) return []
  const body = parseJsonObject(response.body ?? '')
  const reasons = [
    typeof body?.error === 'string' ? body.error : /data-error-code="([^"]*)"/.exec(response.body ?? '')?.[1],
    [body?.error_description, body?.detail].find((description) => typeof description === 'string'),
    ...reasonsIn(header),
  ].filter((reason) => reason !== undefined)
  return reasons.length === 0 ? [`status ${response.status}`] : reasons
}

function redirectReasons(location: string): readonly string[] {
  const error = /[?&]error=([^&#]*)/.exec(location)?.[1]
  if (error === undefined) return []
  return error === 'access_denied' ? [error, 'the user did not allow it'] : [error]
}
