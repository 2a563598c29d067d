/** Who sends or receives; `peer` is somebody outside of this process who does not say who it is. */
export type Party = 'agent' | 'resource' | 'auth-server' | 'browser' | 'peer'

/** Header lines in the order they were on the wire, names in lower case, duplicates apart. */
export type HeaderLines = readonly (readonly [name: string, value: string])[]

/** A request as one side saw it, with secrets already taken out. */
export interface TracedRequest {
  method: string
  url: string
  headers: HeaderLines
  /** Null where there is none. */
  body: string | null
}

/** A response as one side saw it, with secrets already taken out. */
export interface TracedResponse {
  status: number
  headers: HeaderLines
  /** Null where there is none. */
  body: string | null
}

interface Exchange {
  /** Numbers requests in the order they were sent; both sides of one exchange have the same. */
  exchange: number
  from: Party
  to: Party
  request: TracedRequest
}

/**
 * What the trace sees: each message once from the sender's and once from the receiver's side. A sender outside of this
 * process, such as a person's browser, is seen from the receiver's side only.
 */
export type TraceEvent =
  | ({ kind: 'request-sent' | 'request-received' } & Exchange)
  | ({ kind: 'response-sent'; response: TracedResponse } & Exchange)
  | ({
      kind: 'response-received'
      response: TracedResponse
      /** The receiver is outside of this process, so nobody here saw the response sent. */
      elsewhere?: true
    } & Exchange)
  | { kind: 'consent-required'; url: string; code: string }

/** Whether a URL is one of a document or of keys. */
export function isDiscovery(url: string): boolean {
  const { pathname } = new URL(url)
  return pathname.includes('/.well-known/') || pathname.endsWith('/jwks.json')
}
