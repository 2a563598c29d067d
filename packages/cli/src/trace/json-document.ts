import { findTokens } from './find-tokens.js'
import type { HeaderLines, Party, TracedRequest, TracedResponse, TraceEvent } from './trace-event.js'

interface JsonToken {
  where: string
  kind: string
  header: object
  payload: object
}

interface JsonMessage {
  from: Party
  to: Party
  request: { method: string; url: string; headers: Record<string, string>; body: string | null }
  /** Null if there was no response. */
  response: { status: number; headers: Record<string, string>; body: string | null } | null
  tokens: JsonToken[]
}

/** Collects events into one document that contains each message once. */
export interface JsonDocument {
  readonly onEvent: (event: TraceEvent) => void
  /** Returns the document as text. */
  serialize(result: object): string
}

interface Row {
  from: Party
  to: Party
  request: TracedRequest
  response: TracedResponse | undefined
}

/**
 * Creates a collector. Requests are shown as received, because the sender's HTTP client adds headers. Responses are also shown as received
 * if the trace sees the receiver's side.
 */
export function createJsonDocument(): JsonDocument {
  const rows = new Map<number, Row>()
  return {
    onEvent(event) {
      if (event.kind === 'consent-required') return
      const { exchange, from, to, request } = event
      const row = rows.get(exchange) ?? { from, to, request, response: undefined }
      rows.set(exchange, row)
      if (event.kind === 'request-received') row.request = request
      if ('response' in event && (event.kind === 'response-received' || !row.response)) row.response = event.response
    },
    serialize(result) {
      const ordered = [...rows].sort(([one], [other]) => one - other)
      return `${JSON.stringify({ messages: ordered.map(([, row]) => messageOf(row)), result }, null, 2)}\n`
    },
  }
}

function messageOf({ from, to, request, response }: Row): JsonMessage {
  const { method, url } = request
  return {
    from,
    to,
    request: { method, url, headers: joinHeaders(request.headers), body: request.body },
    response: response
      ? { status: response.status, headers: joinHeaders(response.headers), body: response.body }
      : null,
    tokens: [...tokensOf('request', request), ...(response ? tokensOf('response', response) : [])],
  }
}

function tokensOf(side: 'request' | 'response', message: TracedRequest | TracedResponse): JsonToken[] {
  return findTokens(message).map(({ part, member, kind, header, payload }) => {
    const where = `${side}.${part === 'body' ? 'body' : `headers.${part}`}.${member}`
    return { where, kind, header, payload }
  })
}

function joinHeaders(lines: HeaderLines): Record<string, string> {
  const joined = new Map<string, string>()
  for (const [name, value] of lines) {
    const before = joined.get(name)
    joined.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return Object.fromEntries(joined)
}
