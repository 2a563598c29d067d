import type { FetchDocument } from 'countersign'
import { causeMessages, type DiscoveryFailure } from 'countersign/discovery'
import { parseJsonObject } from 'countersign/tokens'
import { addressHint } from '../network/fetch-problems.js'

/** A problem with a document or a key. */
export interface Finding {
  /** `error`: peers refuse it; `advice`: it works, but could be improved. */
  level: 'error' | 'advice'
  what: string
  fix: string
}

/** Ends a text with a full stop, unless it has one or was cut off. */
export function sentence(text: string): string {
  return /[.…]$/.test(text) ? text : `${text}.`
}

/** A response as received. */
export interface Observation {
  status: number
  headers: Headers
  text: string
}

export interface ObservedFetch {
  fetch: FetchDocument
  /** The last response from a URL, or undefined if there was none. */
  seen(url: string): Observation | undefined
}

/** Maximum number of bytes read, one more than the maximum size of any document. */
const maxKept = 65_537

/** Wraps a fetch and records the responses, so that a refusal can be explained. */
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

/** Requirements for a document. */
interface ExpectedDocument {
  maxBytes: number
  /** The member that must equal the identifier, and the identifier. */
  self?: { member: string; identifier: string }
  /** The fix for a JSON object with invalid content. */
  fix: string
}

type Rule = [
  applies: (seen: Observation, expected: ExpectedDocument) => boolean,
  fix: (expected: ExpectedDocument) => string,
]

/** The fixes for responses. The first rule that applies is used. */
const rules: readonly Rule[] = [
  [({ status }) => status >= 300 && status < 400, () => 'Serve it at exactly this URL, without a redirect.'],
  [({ status }) => status >= 500, () => 'The server is failing: check its log.'],
  [({ status }) => status !== 200, () => 'Respond with 200 to everyone, without requiring sign-in.'],
  [
    ({ headers }) => (headers.get('content-encoding') ?? 'identity').toLowerCase() !== 'identity',
    () => 'Send it uncompressed if accept-encoding is identity.',
  ],
  [
    ({ text }, { maxBytes }) => Buffer.byteLength(text) > maxBytes,
    ({ maxBytes }) => `Reduce it to at most ${maxBytes / 1024} KiB.`,
  ],
  [({ text }) => text.startsWith('\ufeff'), () => 'Send it without the byte-order mark at the start.'],
  [({ text }) => objectIn(text) === undefined, () => 'Send one JSON object in UTF-8.'],
  [
    ({ text }, { self }) => self !== undefined && objectIn(text)?.[self.member] !== self.identifier,
    ({ self }) => `Set ${self?.member} to ${self?.identifier}, exactly.`,
  ],
]

/** Leading whitespace that RFC 8259 §2 allows; `trim` would also remove other characters. */
function objectIn(text: string): Record<string, unknown> | undefined {
  return parseJsonObject(text.replace(/^[ \t\r\n]+/, ''))
}

/** Returns why a document is not accepted, and how to fix it. */
export function explainRefusal(
  failure: DiscoveryFailure,
  seen: Observation | undefined,
  expected: ExpectedDocument,
): Finding {
  const what = [failure.message, ...causeMessages(failure)].join(': ')
  if (!seen) {
    const fix =
      addressHint(failure) ?? 'Check that the server is running, and check its host name, port and certificate.'
    return { level: 'error', what, fix }
  }
  const rule = rules.find(([applies]) => applies(seen, expected))
  return { level: 'error', what, fix: rule ? rule[1](expected) : expected.fix }
}
