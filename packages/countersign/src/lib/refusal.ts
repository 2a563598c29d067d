import { AgentError } from './agent-error.js'
import { errorReasons } from './error-reasons.js'
import { AAuthError } from './errors.js'

/**
 * Why a request was refused, for whoever runs the part: more than the answer says. Strangers have a say in the texts, so
 * they are printable ASCII of a bounded length. They hold no secret.
 */
export interface Refusal {
  /** Of the answer; undefined: an agent had none, or refused what it was answered. */
  status?: number | undefined
  /** Our name of the case, such as `policy_denied`, or of the page. */
  code: string
  /** Who was refused, by its identifier. */
  agent?: string | undefined
  /** The delegate of the agent, where one asked. */
  delegate?: string | undefined
  /** Whether anybody may have named the agent, since no signature of its was verified. */
  claimed?: true | undefined
  /** The rule of the policy that denied it. */
  rule?: string | undefined
  /** Whether a document or key could not be fetched. */
  lookup?: true | undefined
  /** Why, from the outside in, with what the answer hides; not for failures, which are told with their stack. */
  reason?: string | undefined
}

/** Who was refused. */
export type Refused = Pick<Refusal, 'agent' | 'delegate' | 'claimed'>

/** Describes what was thrown, and answered with this status and under this code. */
export function describeRefusal(
  error: Error,
  { status, code }: { status?: number | undefined; code: string },
  { agent, delegate, claimed }: Refused = {},
): Refusal {
  const causes = [error, error.cause]
  const rule = causes.find((cause) => cause instanceof AAuthError)?.rule
  const reason = status === undefined || status < 500 ? reasonOf(error) : ''
  return {
    status,
    code,
    agent: agent && asPlainText(agent),
    delegate: delegate && asPlainText(delegate),
    claimed: agent === undefined ? undefined : claimed,
    rule: rule && asPlainText(rule),
    lookup: causes.some(isFailedLookup) || undefined,
    reason: reason === '' ? undefined : reason,
  }
}

function isFailedLookup(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'reason' in error && error.reason !== 'busy'
}

function reasonOf(error: Error): string {
  const own = error instanceof AAuthError || error instanceof AgentError ? [error.message] : []
  return joinReasons([...own, ...errorReasons(error)])
}

/** Reasons from the outside in, each once, as printable ASCII of a bounded length. */
export function joinReasons(reasons: readonly string[]): string {
  const told: string[] = []
  for (const text of reasons.map((each) => each.replace(/\.$/, ''))) {
    if (!told.some((before) => before.includes(text))) told.push(text)
  }
  return asPlainText(told.join(': '), 512)
}

/** What strangers have a say in, as printable ASCII of a bounded length: by default that of a name, 256 characters. */
export function asPlainText(text: string, longest = 256): string {
  return text
    .slice(0, longest)
    .replaceAll('’', "'")
    .replaceAll(/[^\x20-\x7e]/g, '?')
}
