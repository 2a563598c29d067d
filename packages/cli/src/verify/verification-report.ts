import type { AAuthError, ErrorCode } from 'countersign'
import { errorReasons, wireErrorOf } from 'countersign/wire'
import { hintFor } from './hint-for.js'
import { isUndecided } from './is-undecided.js'
import { type Facts, type Mark, stepOf, verificationSteps } from './verification-steps.js'

export interface StepReport {
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

export interface ReportSource {
  refusal: AAuthError | undefined
  mark: Mark
  /** Absent where the request could not be read. */
  facts?: Facts
  base?: string | { missing: string[] } | undefined
  notes: readonly string[]
}

/** What there is to tell about a verification. */
export function reportOf({ refusal, mark, facts, base, notes }: ReportSource): VerificationReport {
  const failed = refusal ? stepOf(refusal.code, mark) : verificationSteps.length
  const verified = refusal === undefined
  return {
    verdict: verified ? 'verified' : isUndecided(refusal) ? 'undecided' : 'refused',
    failure: refusal ? describeFailure(refusal, failed, facts) : null,
    steps: verificationSteps.map(({ name, found }, index) => {
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

function describeFailure(refusal: AAuthError, failed: number, facts: Facts | undefined): VerificationReport['failure'] {
  const { code, status, message } = refusal
  const { error, signatureError } = wireErrorOf(code)
  return {
    step: verificationSteps[failed]?.name ?? '',
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
