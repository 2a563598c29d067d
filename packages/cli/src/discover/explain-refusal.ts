import { type DiscoveryFailure, errorReasons, parseJsonObject } from 'countersign/wire'
import { addressHint } from '../network/address-hint.js'
import type { Finding } from './finding.js'
import type { Observation } from './observed-fetch.js'

/** What a document must be. */
export interface ExpectedDocument {
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
