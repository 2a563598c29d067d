import type { FetchDocument } from 'countersign'
import { type DiscoveryFailure, errorReasons } from 'countersign/discovery'
import { parseJsonObject } from 'countersign/tokens'
import { addressHint } from '../network/fetch-problems.js'

/** Something about a document or a key that should be otherwise. */
export interface Finding {
  /** `error`: it is refused for it; `advice`: it works, but not as well as it could. */
  level: 'error' | 'advice'
  what: string
  mend: string
}

/** What an origin answered, as it was. */
export interface Observation {
  status: number
  headers: Headers
  text: string
}

export interface ObservedFetch {
  fetch: FetchDocument
  /** The last answer for a URL, or undefined where none came. */
  seen(url: string): Observation | undefined
}

/** No document may be larger, so no more is kept. */
const maxKept = 65_537

/** A fetch that keeps what it was answered, so that a refusal can be explained. */
export function observedFetch(fetch: FetchDocument): ObservedFetch {
  const observations = new Map<string, Observation>()
  return {
    seen: (url) => observations.get(url),
    async fetch(url, init) {
      const response = await fetch(url, init)
      const { status, headers } = response
      const body = response.body === null ? null : await readStart(response.body)
      observations.set(url, { status, headers, text: Buffer.from(body ?? []).toString('utf8') })
      return new Response(body, { status, headers })
    },
  }
}

async function readStart(stream: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= maxKept) break
  }
  return new Uint8Array(Buffer.concat(chunks).subarray(0, maxKept))
}

/** What a document must be. */
interface ExpectedDocument {
  maxBytes: number
  /** The member that must be the identifier, and the identifier. */
  self?: { member: string; identifier: string }
  /** How to mend a JSON object that is refused for what it holds. */
  mend: string
}

type Rule = [
  applies: (seen: Observation, expected: ExpectedDocument) => boolean,
  mend: (expected: ExpectedDocument) => string,
]

/** How to mend what was answered; the first that applies. */
const rules: readonly Rule[] = [
  [({ status }) => status >= 300 && status < 400, () => 'Serve it at this very URL.'],
  [({ status }) => status >= 500, () => 'Look into the log of that server: it fails.'],
  [({ status }) => status !== 200, () => 'Answer 200, to everybody and without signing in.'],
  [
    ({ headers }) => (headers.get('content-encoding') ?? 'identity').toLowerCase() !== 'identity',
    () => 'Send it uncompressed when accept-encoding says identity.',
  ],
  [
    ({ text }, { maxBytes }) => Buffer.byteLength(text) > maxBytes,
    ({ maxBytes }) => `Keep it under ${maxBytes / 1024} KiB.`,
  ],
  [({ text }) => text.startsWith('\ufeff'), () => 'Send it without the byte-order mark at its start.'],
  [({ text }) => objectIn(text) === undefined, () => 'Send one JSON object in UTF-8.'],
  [
    ({ text }, { self }) => self !== undefined && objectIn(text)?.[self.member] !== self.identifier,
    ({ self }) => `Set ${self?.member} to ${self?.identifier}, exactly.`,
  ],
]

/** Blanks may stand before it (RFC 8259 §2); `trim` would take more away. */
function objectIn(text: string): Record<string, unknown> | undefined {
  return parseJsonObject(text.replace(/^[ \t\r\n]+/, ''))
}

/** Why a document is not accepted, and what would help. */
export function explainRefusal(
  failure: DiscoveryFailure,
  seen: Observation | undefined,
  expected: ExpectedDocument,
): Finding {
  const what = [failure.message, ...errorReasons(failure)].join(': ')
  if (!seen) {
    const mend = addressHint(failure) ?? 'Check that it runs, its name, its port and its certificate.'
    return { level: 'error', what, mend }
  }
  const rule = rules.find(([applies]) => applies(seen, expected))
  return { level: 'error', what, mend: rule ? rule[1](expected) : expected.mend }
}
