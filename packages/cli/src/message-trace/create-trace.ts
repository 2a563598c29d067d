import type { ReceivedMessage } from 'countersign'
import type { Handler } from 'countersign/node'
import { receiveRequest } from 'countersign/signatures'
import {
  type HeaderLines,
  isDiscovery,
  type Party,
  type TracedRequest,
  type TracedResponse,
  type TraceEvent,
} from './trace-event.js'

export interface TraceOptions {
  /** The party at each origin. */
  parties: ReadonlyMap<string, Party>
  /** Whether the body of a response is shown. If so, the part that is shown is read before the sender gets the response. @default always */
  showsBody?: (response: Response, to: Party) => boolean
  /** Called with every event, in order. */
  onEvent: (event: TraceEvent) => void
}

/** Observes messages on the sender's and the receiver's side, without changing them. */
export interface Trace {
  /**
   * Wraps a `fetch` to observe it on the sender's side. `send` also receives the sender's signal, because Node 20 loses the signal of a
   * request that only `fetch` references.
   */
  sender(
    from: Party,
    send: (request: Request, sent: { signal: AbortSignal | null }) => Promise<Response>,
  ): typeof globalThis.fetch
  /** Wraps a handler to observe it on the receiver's side. */
  receiver(to: Party, handler: Handler): Handler
  /** Records that a user is being asked to open a URL, whose page may show a code. */
  consentRequired(consent: { url: string; code: string }): void
}

/** A request in transit that its receiver has not seen yet. */
interface InFlightRequest {
  exchange: number
  from: Party
  key: string
}

/** Creates a trace of everything that passes through its senders and receivers. */
export function createTrace({ parties, onEvent, showsBody = () => true }: TraceOptions): Trace {
  let exchanges = 0
  const departed = new Set<InFlightRequest>()

  return {
    sender(from, send) {
      return async (input, init) => {
        const request = new Request(input, init)
        const { signal = null } = { ...(input instanceof Request && { signal: input.signal }), ...init }
        const exchange = ++exchanges
        const to = parties.get(new URL(request.url).origin) ?? 'peer'
        const seen = await readRequest(request, [...request.headers])
        const departure = { exchange, from, key: keyOf(seen) }
        departed.add(departure)
        onEvent({ kind: 'request-sent', exchange, from, to, request: seen })
        try {
          const response = await send(request, { signal })
          const answer = await readResponse(response, { showsBody: showsBody(response, to) })
          const elsewhere = departed.has(departure) ? { elsewhere: true as const } : {}
          onEvent({ kind: 'response-received', exchange, from, to, request: seen, response: answer, ...elsewhere })
          return response
        } finally {
          departed.delete(departure)
        }
      }
    },
    receiver(to, handler) {
      return async (request, received = receiveRequest(request)) => {
        const seen = await readRequest(request, headerLines(received))
        const key = keyOf(seen)
        const departure = [...departed].find((candidate) => candidate.key === key)
        if (departure) departed.delete(departure)
        const { exchange, from } = departure ?? { exchange: ++exchanges, from: guessSender(seen) }
        onEvent({ kind: 'request-received', exchange, from, to, request: seen })
        const response = await handler(request, received)
        const sent = await readResponse(response, { isCompressed: response.headers.get('content-encoding') === 'gzip' })
        onEvent({ kind: 'response-sent', exchange, from, to, request: seen, response: sent })
        return response
      }
    },
    consentRequired: ({ url, code }) => onEvent({ kind: 'consent-required', url, code }),
  }
}

/**
 * Guesses the sender of a request that came from outside: agents sign their requests, discovery uses known paths, and all others are
 * browsers.
 */
function guessSender({ url, headers }: TracedRequest): Party {
  if (headers.some(([name]) => name === 'signature')) return 'agent'
  return isDiscovery(url) ? 'peer' : 'browser'
}

// Requests are matched without adding anything to the wire: each signature is unique, and unsigned requests with the same key are
// identical.
function keyOf({ method, url, headers }: TracedRequest): string {
  return JSON.stringify([method, url, headers.find(([name]) => name === 'signature')?.[1]])
}

function headerLines({ rawHeaders }: ReceivedMessage): HeaderLines {
  const lines: (readonly [string, string])[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    lines.push([(rawHeaders[i] as string).toLowerCase(), rawHeaders[i + 1] as string])
  }
  return lines
}

async function readRequest(request: Request, headers: HeaderLines): Promise<TracedRequest> {
  const { method, url } = request
  return { method, url, headers: redactHeaders(headers), body: await readBody(request) }
}

interface ReadOptions {
  showsBody?: boolean
  /** Whether the body is compressed. A response that was received has already been decompressed. */
  isCompressed?: boolean
}

async function readResponse(response: Response, options: ReadOptions): Promise<TracedResponse> {
  const { status } = response
  const headers = redactHeaders([...response.headers])
  return { status, headers, body: options.showsBody === false ? null : await readBody(response, options) }
}

async function readBody(
  message: Request | Response,
  { isCompressed = false }: ReadOptions = {},
): Promise<string | null> {
  const { body } = message.body === null ? message : message.clone()
  if (body === null) return null
  const text = await readText(isCompressed ? body.pipeThrough(new DecompressionStream('gzip')) : body)
  // A truncated body is not shown at all, because it could not be redacted reliably.
  if (text === undefined) return `[more than ${mostShown} bytes, not shown]`
  return redactBody(text === '' ? null : text, message.headers.get('content-type') ?? '')
}

/** Maximum size of a body that is shown, in bytes. */
const mostShown = 65_536

/** Returns undefined if the body is longer, without reading the rest of it. */
async function readText(body: ReadableStream<Uint8Array> | null): Promise<string | undefined> {
  const reader = body?.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  for (let read = await reader?.read(); read?.value; read = await reader?.read()) {
    chunks.push(read.value)
    length += read.value.length
    if (length <= mostShown) continue
    // Not awaited: it resolves only when the sender has read its copy.
    reader?.cancel().catch(() => undefined)
    return undefined
  }
  return Buffer.concat(chunks).toString('utf8')
}

const redacted = '[redacted]'

const secretHeaders: ReadonlySet<string> = new Set(['cookie', 'set-cookie', 'authorization'])
const secretFields: ReadonlySet<string> = new Set(['password', 'new_password', 'csrf', 'credential'])

/** Redacts cookies and credentials in headers. */
function redactHeaders(headers: HeaderLines): HeaderLines {
  return headers.map(([name, value]) => [name, secretHeaders.has(name) ? redacted : value])
}

/** Redacts passwords and CSRF tokens in form bodies and in the inputs of pages. The rest is kept byte for byte. */
function redactBody(body: string | null, contentType: string): string | null {
  if (body === null) return null
  if (contentType.startsWith('application/x-www-form-urlencoded')) return body.split('&').map(redactMember).join('&')
  if (contentType.startsWith('text/html')) return body.replaceAll(/<input\b[^>]*>/gi, redactInput)
  return body
}

function redactMember(member: string): string {
  const [name = ''] = new URLSearchParams(member).keys()
  return secretFields.has(name) ? `${name}=${redacted}` : member
}

function redactInput(tag: string): string {
  const name = /\sname\s*=\s*["']?([^\s"'>]*)/i.exec(tag)?.[1] ?? ''
  return secretFields.has(name) ? tag.replace(/(\svalue\s*=\s*)("[^"]*"|'[^']*'|[^\s>]*)/i, `$1"${redacted}"`) : tag
}
