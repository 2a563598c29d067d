import type { SeenExchange } from './exchange-log.js'
import { findTokens } from './find-tokens.js'
import type { HeaderLines, Party, TracedRequest, TracedResponse } from './trace-event.js'

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
  response: {
    status: number
    headers: Record<string, string>
    body: string | null
    /** How many of the messages had been started when the response was sent. */
    responded_after?: number | undefined
  } | null
  tokens: JsonToken[]
}

/** Returns the exchanges of a run, and its result, as one JSON document that contains each message once. */
export function serializeTrace(exchanges: readonly SeenExchange[], result: object): string {
  return `${JSON.stringify({ messages: exchanges.map(messageOf), result }, null, 2)}\n`
}

function messageOf({ from, to, request, response, respondedAfter }: SeenExchange): JsonMessage {
  const { method, url } = request
  return {
    from,
    to,
    request: { method, url, headers: joinHeaders(request.headers), body: request.body },
    response: response
      ? {
          status: response.status,
          headers: joinHeaders(response.headers),
          body: response.body,
          responded_after: respondedAfter,
        }
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
