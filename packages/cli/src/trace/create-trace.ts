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
  /** Who answers at which origin. */
  parties: ReadonlyMap<string, Party>
  /** Whether the body of an answer is shown: it is then read before the sender gets it, as far as it is shown. @default always */
  showsBody?: (response: Response, to: Party) => boolean
  /** Gets every event, in order. */
  onEvent: (event: TraceEvent) => void
}

/** Observes messages where they are sent and where they are received, and changes nothing about them. */
export interface Trace {
  /**
   * The same `fetch`, seen from the sender's side. `send` gets the sender's signal beside the request: Node 20 forgets that of
   * a request that only `fetch` holds.
   */
  sender(
    from: Party,
    send: (request: Request, sent: { signal: AbortSignal | null }) => Promise<Response>,
  ): typeof globalThis.fetch
  /** The same handler, seen from the receiver's side. */
  receiver(to: Party, handler: Handler): Handler
  /** Notes that a person is asked to open a URL, whose page may show a code. */
  consentRequired(consent: { url: string; code: string }): void
}

/** A request on its way that its receiver has not seen yet. */
interface Departed {
  exchange: number
  from: Party
  key: string
}

/** Creates a trace of everything that goes through its senders and receivers. */
export function createTrace({ parties, onEvent, showsBody = () => true }: TraceOptions): Trace {
  let exchanges = 0
  const departed = new Set<Departed>()

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
          const answer = await readResponse(response, showsBody(response, to))
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
        const { exchange, from } = departure ?? { exchange: ++exchanges, from: strangerOf(seen) }
        onEvent({ kind: 'request-received', exchange, from, to, request: seen })
        const response = await handler(request, received)
        onEvent({ kind: 'response-sent', exchange, from, to, request: seen, response: await readResponse(response) })
        return response
      }
    },
    consentRequired: ({ url, code }) => onEvent({ kind: 'consent-required', url, code }),
  }
}

/** Who sent what nobody here sent: agents sign, discovery has its paths, and the rest are browsers. */
function strangerOf({ url, headers }: TracedRequest): Party {
  if (headers.some(([name]) => name === 'signature')) return 'agent'
  return isDiscovery(url) ? 'peer' : 'browser'
}

// Nothing may be added to the wire to tell requests apart: a signature is unique, and equal requests without one differ in nothing.
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

async function readResponse(response: Response, showsBody = true): Promise<TracedResponse> {
  const { status } = response
  const headers = redactHeaders([...response.headers])
  return { status, headers, body: showsBody ? await readBody(response) : null }
}

async function readBody(message: Request | Response): Promise<string | null> {
  if (message.body === null) return null
  const text = await readText(message.clone().body)
  // What is only in part there could hide what is left out of the whole.
  if (text === undefined) return `[more than ${mostShown} bytes, which are not shown]`
  return redactBody(text === '' ? null : text, message.headers.get('content-type') ?? '')
}

/** Bytes of a body that is shown. */
const mostShown = 65_536

/** Undefined for a longer one, of which no more is read. */
async function readText(body: ReadableStream<Uint8Array> | null): Promise<string | undefined> {
  const reader = body?.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  for (let read = await reader?.read(); read?.value; read = await reader?.read()) {
    chunks.push(read.value)
    length += read.value.length
    if (length <= mostShown) continue
    // Not waited for: it ends with what the sender reads.
    reader?.cancel().catch(() => undefined)
    return undefined
  }
  return Buffer.concat(chunks).toString('utf8')
}

const redacted = '[redacted]'

const secretHeaders: ReadonlySet<string> = new Set(['cookie', 'set-cookie', 'authorization'])
const secretFields: ReadonlySet<string> = new Set(['password', 'new_password', 'csrf', 'credential'])

/** Header lines without the values of cookies. */
function redactHeaders(headers: HeaderLines): HeaderLines {
  return headers.map(([name, value]) => [name, secretHeaders.has(name) ? redacted : value])
}

/** A body without passwords and CSRF values: form members, and the hidden inputs of pages. The rest stays byte for byte. */
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
