import type { Party, TracedRequest, TracedResponse, TraceEvent } from './trace-event.js'

/** A request and its response, each as one side of the exchange saw it. */
export interface SeenExchange {
  from: Party
  to: Party
  request: TracedRequest
  /** Undefined if there was none. */
  response: TracedResponse | undefined
  /** How many exchanges had been started when the response was sent: the receiver may make its own requests before it responds. */
  respondedAfter: number | undefined
}

/** Collects events into exchanges. */
export interface ExchangeLog {
  readonly onEvent: (event: TraceEvent) => void
  /** Returns the exchanges so far, in the order in which their requests were sent. */
  exchanges(): readonly SeenExchange[]
}

/**
 * Creates a log that contains each message once. Requests are recorded as received, because the sender's HTTP client adds headers. Responses
 * are also recorded as received if the trace sees the receiver's side.
 */
export function createExchangeLog(): ExchangeLog {
  const rows = new Map<number, SeenExchange>()
  return {
    onEvent(event) {
      if (event.kind === 'consent-required') return
      const { exchange, from, to, request } = event
      const row = rows.get(exchange) ?? { from, to, request, response: undefined, respondedAfter: undefined }
      rows.set(exchange, row)
      if (event.kind === 'request-received') row.request = request
      if (!('response' in event)) return
      if (event.kind === 'response-received' || !row.response) row.response = event.response
      row.respondedAfter ??= rows.size
    },
    exchanges: () => [...rows].sort(([one], [other]) => one - other).map(([, row]) => row),
  }
}
