import type { Party } from '../message-trace/trace-event.js'

/** A run of the protocol, as a page shows it. Nothing in it depends on the edition. */
export interface RunModel {
  title: string
  edition: string
  /** What the page shows, for readers who know nothing about it. */
  lead: string
  /** What the reader must know before sharing the page. */
  notice: string
  lanes: readonly Lane[]
  sentences: readonly { text: string; message: Message }[]
  /** How often a copied request works, unchanged. */
  replay: string
  trust: readonly { who: string; whom: string; why: string }[]
  messages: readonly Message[]
  attempts: readonly Attempt[]
  /** Values that occur in several messages, in the order of their first occurrence. */
  values: readonly RecurringValue[]
}

/** A party, with a column of the diagram. */
export interface Lane {
  party: Party
  name: string
  /** Where it is, if it has a URL. */
  origin: string | undefined
}

/** A request or a response. */
export interface Message {
  /** The part of its address in the page after `#`. */
  id: string
  number: number
  from: Party
  to: Party
  kind: 'request' | 'response'
  /** Whether it only fetches a document or keys, or responds to that. */
  isDiscovery: boolean
  /** `GET /data` or `401 Unauthorized`. */
  title: string
  /** The request line or status line, then the headers. */
  lines: readonly Line[]
  body: Line | undefined
  /** Undefined if the message is not signed. */
  signature: { label: string; lines: readonly BaseLine[] } | undefined
  /** Why the message refuses the request, if it does. */
  refusal: string | undefined
}

/** A line of a message, or its body. */
export interface Line {
  name: string
  value: string
  /** Which covered components include the line; empty if it is not signed. */
  covered: readonly string[]
  explanation: string | undefined
  tokens: readonly DecodedParts[]
}

/** A decoded token, in the line that contains it. */
export interface DecodedParts {
  kind: string
  compact: string
  header: readonly Member[]
  payload: readonly Member[]
}

/** A member of a token, or of a set of keys. */
export interface Member {
  name: string
  value: string
  /** The thumbprint of the key in the value, if it contains one. */
  thumbprint?: string
  explanation: string | undefined
}

/** A line of the signature base. */
export interface BaseLine {
  component: string
  value: string
  explanation: string
}

/** An attempt that was refused: its own two messages, with the texts of the page. */
export interface Attempt {
  title: string
  story: string
  lesson: string
  messages: readonly Message[]
  status: string
  refusal: string
}

/** A value that occurs in several messages: a thumbprint, a token, a code. */
export interface RecurringValue {
  id: string
  text: string
  label: string
  /** Numbers of the messages of the run. */
  messages: readonly number[]
}
