import type { AAuthError, ErrorCode, ReceivedMessage } from 'countersign'
import { causeMessages, isLoopbackIdentifier } from 'countersign/discovery'
import type { ResolvedKey } from 'countersign/editions'
import type { KeyReference, ParsedKeyReference, SignatureInput, SignatureStep } from 'countersign/signatures'
import { decodeToken, parseJsonObject } from 'countersign/tokens'
import type { CommandEdition } from '../editions/command-edition.js'
import { addressHint } from '../network/fetch-problems.js'

interface StepReport {
  step: string
  outcome: 'passed' | 'failed' | 'not reached'
  /** What was found, or why the step failed. */
  text?: string | undefined
}

/** The result of a verification; printed unchanged by `--json`. */
export interface VerificationReport {
  /** `undecided`: the key could not be fetched. */
  verdict: 'verified' | 'refused' | 'undecided'
  failure: {
    step: string
    /** Our own stable error code. */
    code: ErrorCode
    /** The response of a server. */
    status: number
    error: string
    signature_error: string | null
    message: string
    reasons: string[]
    hint: string | null
  } | null
  steps: StepReport[]
  /** Null if it cannot be built. */
  base: string | null
  /** Covered components that the request lacks, or that cannot be signed. */
  missing: string[]
  signer: {
    scheme: string
    agent: string | null
    delegate: string | null
    algorithm: string
    thumbprint: string
    token: { kind: string; claims: object } | null
  } | null
  notes: readonly string[]
}

interface ReportSource {
  refusal: AAuthError | undefined
  /** The last step that was started. */
  reached: VerificationStep
  edition: CommandEdition
  /** Undefined if the request could not be parsed. */
  facts?: Facts | undefined
  base?: string | { missing: string[] } | undefined
  notes: readonly string[]
}

/** Builds the report of a verification. */
export function reportOf({ refusal, reached, edition, facts, base, notes }: ReportSource): VerificationReport {
  const failed = refusal ? steps.findIndex(({ name }) => name === reached) : steps.length
  const verified = refusal === undefined
  return {
    verdict: verified ? 'verified' : isUndecided(refusal) ? 'undecided' : 'refused',
    failure: refusal ? describeFailure(refusal, { reached, edition, facts }) : null,
    steps: steps.map(({ name, found }, index) => {
      if (index > failed) return { step: name, outcome: 'not reached' }
      if (index === failed && refusal) return { step: name, outcome: 'failed', text: refusal.message }
      return { step: name, outcome: 'passed', text: facts && found(facts) }
    }),
    base: typeof base === 'string' ? base : null,
    missing: typeof base === 'object' ? base.missing : [],
    // If a key was only looked up, nothing has shown that it signed anything.
    signer: verified ? describeSigner(facts) : null,
    notes: [...notes, ...(verified ? notChecked(facts) : [])],
  }
}

function describeFailure(
  refusal: AAuthError,
  { reached: step, edition, facts }: Pick<ReportSource, 'reached' | 'edition' | 'facts'>,
): VerificationReport['failure'] {
  const { code, message } = refusal
  const { status, headers, body } = edition.protocol.writeRefusal(refusal)
  const { error } = parseJsonObject(body) ?? {}
  const [, signatureError] = /^error=(\w+)/.exec(new Headers(headers).get('signature-error') ?? '') ?? []
  return {
    step,
    code,
    status,
    error: String(error),
    signature_error: signatureError ?? null,
    message,
    reasons: causeMessages(refusal).filter((reason) => !message.includes(reason)),
    hint: hintFor(refusal, facts) ?? null,
  }
}

function describeSigner(facts: Facts | undefined): VerificationReport['signer'] {
  if (!facts?.resolved) return null
  const { scheme, agent, delegate, key, token } = facts.resolved
  return {
    scheme,
    agent: agent ?? null,
    delegate: delegate ?? null,
    algorithm: key.algorithm,
    thumbprint: key.thumbprint,
    token: token ? { kind: token.type.typ, claims: token.claims } : null,
  }
}

function notChecked(facts: Facts | undefined): string[] {
  return [
    ...(facts?.hasNonce ? ['Not checked: whether the nonce has already been used.'] : []),
    ...(facts?.resolved?.token ? ['Not checked: whether the token’s scope is sufficient for this request.'] : []),
  ]
}

/** What is known about a request after the steps that have passed. */
interface Facts {
  message: ReceivedMessage
  body: Uint8Array
  authority: string
  now: number
  allowInsecureLoopback: boolean
  input: SignatureInput | undefined
  parsedKey: ParsedKeyReference | undefined
  hasNonce: boolean
  resolved: ResolvedKey | undefined
  /** The signer's mistake, if the signature reveals it. */
  mistake: string | undefined
}

/** A step of the command: parsing the request, verifying its signature, or checking the token sent with it. */
export type VerificationStep = 'request' | SignatureStep | 'token'

interface StepFinding {
  name: VerificationStep
  /** Summarizes what was found; called only if the step has passed. */
  found: (facts: Facts) => string
}

/** The steps of a verification, in order. */
const steps: readonly StepFinding[] = [
  {
    name: 'request',
    found: ({ message, body }) =>
      `${message.method}, ${message.rawHeaders.length / 2} header lines, ${body.length} byte body`,
  },
  { name: 'target', found: ({ message }) => message.rawTarget },
  { name: 'authority', found: ({ authority }) => authority },
  { name: 'headers', found: ({ parsedKey }) => `label ${parsedKey?.label}, scheme=${parsedKey?.key.scheme}` },
  {
    name: 'time',
    found: ({ input, now }) => `created=${input?.created}, ${describeAge(now - (input?.created ?? 0))}`,
  },
  { name: 'nonce', found: ({ hasNonce }) => (hasNonce ? 'well formed' : 'none') },
  { name: 'body', found: ({ body }) => (body.length > 0 ? `${body.length} bytes` : 'none') },
  { name: 'coverage', found: ({ input }) => input?.components.join(' ') ?? '' },
  {
    name: 'key',
    found: ({ resolved }) => `${resolved?.key.thumbprint}${resolved?.agent ? ` of ${resolved.agent}` : ''}`,
  },
  { name: 'algorithm', found: ({ resolved }) => resolved?.key.algorithm ?? '' },
  { name: 'signature', found: () => 'matches the key and the signature base' },
  {
    name: 'digest',
    found: ({ input }) =>
      input?.components.includes('content-digest') ? 'matches the body' : 'not signed, and there is no body',
  },
  { name: 'token', found: ({ resolved, now }) => describeToken(resolved, now) },
]

function describeAge(seconds: number): string {
  return seconds < 0 ? `${-seconds} s ahead of this clock` : `${seconds} s ago`
}

function describeToken(resolved: ResolvedKey | undefined, now: number): string {
  if (!resolved?.token) return 'none'
  const { type, claims } = resolved.token
  return `${type.typ} of ${claims.iss}, for ${claims.exp - now} s more`
}

type Hint = (facts: Facts | undefined) => string | undefined

const hints: Partial<Record<ErrorCode, Hint>> = {
  request_malformed: () =>
    'Pass a request as it is sent on the wire: a request line, headers, an empty line, and the body.',
  target_ambiguous: () =>
    'The request line must contain only the path and query: GET /data HTTP/1.1, not the whole URL.',
  signature_missing: () => 'countersign sign <url> prints a request with all three headers.',
  signature_created_outside_window: (facts) =>
    facts?.input && `To verify it as of the time it was signed: --at ${facts.input.created}`,
  signature_expired: (facts) =>
    facts?.input && `To verify it as of the time it was signed: --at ${facts.input.created}`,
  signature_mismatch: (facts) =>
    facts?.mistake ??
    'Compare the signature base below with the signer’s, byte by byte. If they are equal, the signer used a different key.',
  digest_mismatch: (facts) =>
    facts?.body.at(-1) === 0x0a
      ? 'The body ends with a line feed, which an editor may have added.'
      : 'The body is not the one that was signed; its line endings may have been changed.',
  key_unknown: loopbackHint,
  agent_token_invalid: loopbackHint,
  auth_token_invalid: loopbackHint,
}

/** Returns a hint for errors that have a common cause. */
function hintFor(refusal: AAuthError, facts: Facts | undefined): string | undefined {
  return addressHint(refusal) ?? hints[refusal.code]?.(facts)
}

function loopbackHint(facts: Facts | undefined): string | undefined {
  const place = facts?.parsedKey && placeOf(facts.parsedKey.key)
  if (facts?.allowInsecureLoopback || place === undefined || !isLoopbackIdentifier(place)) return undefined
  return `${place} is on this machine, which requires --allow-insecure-loopback.`
}

/** Where a key is published. */
function placeOf(key: KeyReference): string | undefined {
  if (key.scheme === 'jwt') {
    const issuer = decodeToken(key.jwt)?.payload.iss
    return typeof issuer === 'string' ? issuer : undefined
  }
  if (key.scheme !== 'jwks') return undefined
  if ('id' in key) return key.id
  return URL.canParse(key.jwksUri) ? new URL(key.jwksUri).origin : undefined
}

/** Whether a failure reveals nothing about the request itself, because a server that has the key did not respond. */
function isUndecided({ code, cause }: AAuthError): boolean {
  if (code === 'unavailable' || code === 'too_many_requests') return true
  return typeof cause === 'object' && cause !== null && 'reason' in cause && cause.reason === 'unreachable'
}
