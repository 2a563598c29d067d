import type { Party, TraceEvent } from './trace-event.js'

/** How one side of an exchange is shown. */
export interface FrameRow {
  /** `Content-Type` as a program would write it, or `content-type` as it was received. */
  names: 'title' | 'lower'
  /** Whether the status line ends with its words. */
  reason: boolean
  /** Whether a JSON body is laid out over lines. */
  pretty: boolean
}

export type MessageKind = Exclude<TraceEvent['kind'], 'consent-required'>

/** The names of the parties in titles. */
export const partyNames: Readonly<Record<Party, string>> = {
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

/** How a message is shown, by whose side it is seen from. */
export function frameRow(kind: MessageKind, party: Party): FrameRow {
  const authServer = kind === 'response-sent' && party === 'auth-server'
  return authServer ? { names: 'title', reason: true, pretty: true } : rows[kind]
}

/** The first line of a frame. */
export const frameTitles: Readonly<Record<MessageKind, (party: string, url: string) => string>> = {
  'request-sent': (party, url) => `>>> ${party} REQUEST to ${url}`,
  'request-received': (party) => `>>> ${party} REQUEST received`,
  'response-sent': (party) => `<<< ${party} RESPONSE`,
  'response-received': (party, url) => `<<< ${party} RESPONSE from ${url}`,
}
