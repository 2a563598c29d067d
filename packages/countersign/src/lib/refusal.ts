import { AgentError } from './agent-error.js'
import { causeMessages } from './error-reasons.js'
import { AAuthError } from './errors.js'

/**
 * Why a request was refused, for the operator, with more detail than the response reveals. The texts are partly controlled by callers, so
 * they are printable ASCII of bounded length. They contain no secrets.
 */
export interface Refusal {
  /** Status of the response. Undefined if an agent received no response, or rejected the response. */
  status?: number | undefined
  /** Our code for the case, such as `policy_denied`, or the page's code. */
  code: string
  /** The identifier of the refused agent. */
  agent?: string | undefined
  /** The agent's delegate, if a delegate sent the request. */
  delegate?: string | undefined
  /** Whether the agent is only claimed, because none of its signatures was verified. */
  claimed?: true | undefined
  /** The policy rule that denied the request. */
  rule?: string | undefined
  /** Whether a document or key could not be fetched. */
  lookup?: true | undefined
  /** The reasons, outermost first, including details that the response omits. Absent for failures, which are reported with their stack. */
  reason?: string | undefined
}

/** The agent that was refused. */
export type Refused = Pick<Refusal, 'agent' | 'delegate' | 'claimed'>

/** Describes a thrown error that was converted to a response with this status and code. */
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
  return joinReasons([...own, ...causeMessages(error)])
}

/** Reasons, outermost first and without duplicates, as printable ASCII of bounded length. */
export function joinReasons(reasons: readonly string[]): string {
  const told: string[] = []
  for (const text of reasons.map((each) => each.replace(/\.$/, ''))) {
    if (!told.some((before) => before.includes(text))) told.push(text)
  }
  return asPlainText(told.join(': '), 512)
}

/** Text controlled by callers, as printable ASCII of bounded length. The default bound is 256 characters, as for names. */
export function asPlainText(text: string, longest = 256): string {
  return text
    .slice(0, longest)
    .replaceAll('’', "'")
    .replaceAll(/[^\x20-\x7e]/g, '?')
}
