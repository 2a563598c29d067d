import { STATUS_CODES } from 'node:http'
import { AAuthError } from 'countersign'
import { type JanuaryChallenge, january, parseChallenge } from 'countersign/editions'
import { parseJsonObject } from 'countersign/tokens'
import { printable, titleCase } from '../terminal/text.js'
import { type FoundToken, findTokens } from './find-tokens.js'
import type { HeaderLines, Party, TracedRequest, TracedResponse, TraceEvent } from './trace-event.js'

const rule = '='.repeat(80)

/** Longest header value shown in full, in characters. */
const maxValue = 100

/**
 * Renders a message as a frame, with each token decoded below the line that contains it. `decodedAbove` tells whether the sender's frame
 * for this message has already shown a token decoded.
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

/** Renders the frame that asks the user to open a URL. */
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
    'After you give consent, the agent automatically exchanges the code.',
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

/** Truncates a header value of more than 100 characters to 97 characters and three dots. */
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
  return printable(`  | ${nameOf(kind)} in ${member}: already decoded above, where it was sent`)
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

/** Party names in titles. */
const partyNames: Readonly<Record<Party, string>> = {
  agent: 'AGENT',
  resource: 'RESOURCE',
  'auth-server': 'AUTH SERVER',
  browser: 'BROWSER',
  peer: 'PEER',
}

const received: FrameRow = { names: 'lower', reason: true, pretty: false }

const rows: Readonly<Record<MessageKind, FrameRow>> = {
  'request-sent': { names: 'title', reason: true, pretty: false },
  'request-received': received,
  'response-sent': { names: 'lower', reason: false, pretty: false },
  'response-received': received,
}

/** Returns how to render a message, depending on the side that sees it. */
function frameRow(kind: MessageKind, party: Party): FrameRow {
  const authServer = kind === 'response-sent' && party === 'auth-server'
  return authServer ? { names: 'title', reason: true, pretty: true } : rows[kind]
}

/** Title of a frame. */
const frameTitles: Readonly<Record<MessageKind, (party: string, url: string) => string>> = {
  'request-sent': (party, url) => `>>> ${party} REQUEST to ${url}`,
  'request-received': (party) => `>>> ${party} REQUEST received`,
  'response-sent': (party) => `<<< ${party} RESPONSE`,
  'response-received': (party, url) => `<<< ${party} RESPONSE from ${url}`,
}

/** What each challenge level requires. */
const levels: Readonly<Record<JanuaryChallenge['level'], string>> = {
  signature: 'the request must be signed',
  identity: 'the request must identify the agent that signed it',
  authorization: 'the request needs an auth token',
}

/** Returns, on one line, why a response is a refusal; undefined if it is not a refusal. */
export function refusalReason(response: TracedResponse): string | undefined {
  const header = (name: string) => response.headers.find(([candidate]) => candidate === name)?.[1]
  const location = header('location')
  if (location !== undefined && response.status < 400) return redirectReason(location)
  if (response.status < 400) return undefined
  const body = parseJsonObject(response.body ?? '')
  const reasons = [
    typeof body?.error === 'string' ? body.error : /data-error-code="([^"]*)"/.exec(response.body ?? '')?.[1],
    typeof body?.error_description === 'string' ? body.error_description : undefined,
    header(january.headers.problem.toLowerCase()),
    challengeReason(header(january.headers.challenge.toLowerCase())),
  ].filter((reason) => reason !== undefined)
  return reasons.length === 0 ? `status ${response.status}` : reasons.join('; ').replaceAll(/\s+/g, ' ')
}

function redirectReason(location: string): string | undefined {
  const error = /[?&]error=([^&#]*)/.exec(location)?.[1]
  if (error === undefined) return undefined
  return error === 'access_denied' ? 'access_denied; the user did not allow it' : error
}

function challengeReason(value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  try {
    const challenge = parseChallenge(value)
    const asked = challenge.authServer === undefined ? '' : `, from ${challenge.authServer}`
    return levels[challenge.level] + asked
  } catch (error) {
    if (error instanceof AAuthError) return 'its challenge is malformed'
    throw error
  }
}
