import type { AAuthError, ErrorCode, ReceivedMessage } from 'countersign'
import { errorReasons, isLoopbackIdentifier } from 'countersign/discovery'
import { type ResolvedKey, wireErrorOf } from 'countersign/editions'
import type { KeyReference, ParsedKeyReference, SignatureInput, SignatureStep } from 'countersign/signatures'
import { decodeToken } from 'countersign/tokens'
import { addressHint } from '../network/fetch-problems.js'

interface StepReport {
  step: string
  outcome: 'passed' | 'failed' | 'not reached'
  /** What was found, or why it failed. */
  text?: string | undefined
}

/** How a verification went; `--json` prints it as it stands. */
export interface VerificationReport {
  /** `undecided`: the key could not be fetched. */
  verdict: 'verified' | 'refused' | 'undecided'
  failure: {
    step: string
    /** Ours, stable. */
    code: ErrorCode
    /** What a server would answer. */
    status: number
    error: string
    signature_error: string | null
    message: string
    reasons: string[]
    hint: string | null
  } | null
  steps: StepReport[]
  /** Null where none can be made. */
  base: string | null
  /** Covered components that the request does not have, or that cannot be signed. */
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
  /** The last step that began. */
  reached: VerificationStep
  /** Absent where the request could not be read. */
  facts?: Facts
  base?: string | { missing: string[] } | undefined
  notes: readonly string[]
}

/** What there is to tell about a verification. */
export function reportOf({ refusal, reached, facts, base, notes }: ReportSource): VerificationReport {
  const failed = refusal ? steps.findIndex(({ name }) => name === reached) : steps.length
  const verified = refusal === undefined
  return {
    verdict: verified ? 'verified' : isUndecided(refusal) ? 'undecided' : 'refused',
    failure: refusal ? describeFailure(refusal, reached, facts) : null,
    steps: steps.map(({ name, found }, index) => {
      if (index > failed) return { step: name, outcome: 'not reached' }
      if (index === failed && refusal) return { step: name, outcome: 'failed', text: refusal.message }
      return { step: name, outcome: 'passed', text: facts && found(facts) }
    }),
    base: typeof base === 'string' ? base : null,
    missing: typeof base === 'object' ? base.missing : [],
    // A key that was only looked up has signed nothing yet.
    signer: verified ? describeSigner(facts) : null,
    notes: [...notes, ...(verified ? notChecked(facts) : [])],
  }
}

function describeFailure(
  refusal: AAuthError,
  step: VerificationStep,
  facts: Facts | undefined,
): VerificationReport['failure'] {
  const { code, status, message } = refusal
  const { error, signatureError } = wireErrorOf(code)
  return {
    step,
    code,
    status,
    error,
    signature_error: signatureError ?? null,
    message,
    reasons: errorReasons(refusal).filter((reason) => !message.includes(reason)),
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
  const hasNonce = facts?.message.rawHeaders.some((name, index) => index % 2 === 0 && name.toLowerCase() === 'nonce')
  return [
    ...(hasNonce ? ['Not checked: whether the nonce was used before.'] : []),
    ...(facts?.resolved?.token ? ['Not checked: whether the token’s scope is enough for this request.'] : []),
  ]
}

/** What is known about a request once its steps have passed. */
interface Facts {
  message: ReceivedMessage
  body: Uint8Array
  authority: string
  now: number
  allowInsecureLoopback: boolean
  input: SignatureInput | undefined
  parsedKey: ParsedKeyReference | undefined
  resolved: ResolvedKey | undefined
  /** What the signer did otherwise, where the signature tells. */
  mistake: string | undefined
}

/** A step of the command: it reads the request, verifies its signature, and checks the token that was sent along. */
export type VerificationStep = 'request' | SignatureStep | 'token'

interface StepFinding {
  name: VerificationStep
  /** What was found, in a few words; called only where the step passed. */
  found: (facts: Facts) => string
}

/** The steps of a verification, in the order in which they run. */
const steps: readonly StepFinding[] = [
  {
    name: 'request',
    found: ({ message, body }) =>
      `${message.method}, ${message.rawHeaders.length / 2} header lines, ${body.length} bytes of body`,
  },
  { name: 'target', found: ({ message }) => message.rawTarget },
  { name: 'authority', found: ({ authority }) => authority },
  { name: 'headers', found: ({ parsedKey }) => `label ${parsedKey?.label}, scheme=${parsedKey?.key.scheme}` },
  {
    name: 'time',
    found: ({ input, now }) => `created=${input?.created}, ${describeAge(now - (input?.created ?? 0))}`,
  },
  { name: 'nonce', found: ({ message }) => describeNonce(message) },
  { name: 'body', found: ({ body }) => (body.length > 0 ? `${body.length} bytes` : 'none') },
  { name: 'coverage', found: ({ input }) => input?.components.join(' ') ?? '' },
  {
    name: 'key',
    found: ({ resolved }) => `${resolved?.key.thumbprint}${resolved?.agent ? ` of ${resolved.agent}` : ''}`,
  },
  { name: 'algorithm', found: ({ resolved }) => resolved?.key.algorithm ?? '' },
  { name: 'signature', found: () => 'it is the key’s over the base' },
  {
    name: 'digest',
    found: ({ input }) =>
      input?.components.includes('content-digest') ? 'it is the body’s' : 'none is signed, and there is no body',
  },
  { name: 'token', found: ({ resolved, now }) => describeToken(resolved, now) },
]

function describeAge(seconds: number): string {
  return seconds < 0 ? `${-seconds} s ahead of this clock` : `${seconds} s ago`
}

function describeNonce({ rawHeaders }: ReceivedMessage): string {
  const present = rawHeaders.some((name, index) => index % 2 === 0 && name.toLowerCase() === 'nonce')
  return present ? 'well formed' : 'none'
}

function describeToken(resolved: ResolvedKey | undefined, now: number): string {
  if (!resolved?.token) return 'none'
  const { type, claims } = resolved.token
  return `${type.typ} of ${claims.iss}, for ${claims.exp - now} s more`
}

type Hint = (facts: Facts | undefined) => string | undefined

const hints: Partial<Record<ErrorCode, Hint>> = {
  request_malformed: () => 'Give a request as it was on the wire: a request line, headers, an empty line, the body.',
  target_ambiguous: () => 'The request line has the path and query only: GET /data HTTP/1.1, not the whole URL.',
  signature_missing: () => 'countersign sign <url> prints a request with all three headers.',
  signature_created_outside_window: (facts) =>
    facts?.input && `To judge it as of when it was signed: --now ${facts.input.created}`,
  signature_expired: (facts) => facts?.input && `To judge it as of when it was signed: --now ${facts.input.created}`,
  signature_mismatch: (facts) =>
    facts?.mistake ??
    'Compare the base below with the signer’s, byte by byte. If they are equal, it signed with another key.',
  digest_mismatch: (facts) =>
    facts?.body.at(-1) === 0x0a
      ? 'The body ends with a line feed: perhaps an editor added it.'
      : 'The body is not the one that was signed: perhaps its line ends were changed.',
  key_unknown: loopbackHint,
  agent_token_invalid: loopbackHint,
  auth_token_invalid: loopbackHint,
}

/** What may help, for a refusal where something often does. */
function hintFor(refusal: AAuthError, facts: Facts | undefined): string | undefined {
  return addressHint(refusal) ?? hints[refusal.code]?.(facts)
}

function loopbackHint(facts: Facts | undefined): string | undefined {
  const place = facts?.parsedKey && placeOf(facts.parsedKey.key)
  if (facts?.allowInsecureLoopback || place === undefined || !isLoopbackIdentifier(place)) return undefined
  return `${place} is on this machine: that needs --allow-insecure-loopback.`
}

/** Where a key is looked for. */
function placeOf(key: KeyReference): string | undefined {
  if (key.scheme === 'jwt') {
    const issuer = decodeToken(key.jwt)?.payload.iss
    return typeof issuer === 'string' ? issuer : undefined
  }
  if (key.scheme !== 'jwks') return undefined
  if ('id' in key) return key.id
  return URL.canParse(key.jwksUri) ? new URL(key.jwksUri).origin : undefined
}

/** Whether a refusal says nothing about the request: somebody who has the key did not answer. */
function isUndecided({ code, cause }: AAuthError): boolean {
  if (code === 'unavailable' || code === 'too_many_requests') return true
  return typeof cause === 'object' && cause !== null && 'reason' in cause && cause.reason === 'unreachable'
}
