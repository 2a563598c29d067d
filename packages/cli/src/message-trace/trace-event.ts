import type { ReceivedMessage } from 'countersign'

/** A sender or receiver; `peer` is an unidentified party outside this process. */
export type Party = 'agent' | 'resource' | 'auth-server' | 'browser' | 'peer'

/** Header lines in wire order, with lowercase names; duplicates stay separate. */
export type HeaderLines = readonly (readonly [name: string, value: string])[]

/** A request as seen by one side, with secrets redacted. */
export interface TracedRequest {
  method: string
  url: string
  headers: HeaderLines
  /** Null if there is no body. */
  body: string | null
}

/** A response as seen by one side, with secrets redacted. */
export interface TracedResponse {
  status: number
  headers: HeaderLines
  /** Null if there is no body. */
  body: string | null
}

interface Exchange {
  /** Sequence number of the request, which is the same on both sides of an exchange. */
  exchange: number
  from: Party
  to: Party
  request: TracedRequest
}

/**
 * An event of the trace. Each message appears once on the sender's side and once on the receiver's. If the sender is outside this process,
 * such as a user's browser, only the receiver's side is seen.
 */
export type TraceEvent =
  | ({ kind: 'request-sent' | 'request-received' } & Exchange)
  | ({ kind: 'response-sent'; response: TracedResponse } & Exchange)
  | ({
      kind: 'response-received'
      response: TracedResponse
      /** Whether the responder is outside this process, so that the sending of the response was not observed. */
      elsewhere?: true
    } & Exchange)
  | { kind: 'consent-required'; url: string; code: string }

/** Whether a URL belongs to a metadata document or a key set. */
export function isDiscovery(url: string): boolean {
  const { pathname } = new URL(url)
  return pathname.includes('/.well-known/') || pathname.endsWith('/jwks.json')
}

/** The request as the receiver's HTTP server passes it on, to inspect its signature. */
export function receivedMessage({ method, url, headers, body }: TracedRequest): ReceivedMessage {
  return {
    method,
    rawTarget: url.slice(new URL(url).origin.length),
    rawHeaders: headers.flat(),
    remoteAddress: undefined,
    body: async () => Buffer.from(body ?? ''),
  }
}
