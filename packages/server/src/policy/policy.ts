import { AAuthError } from 'countersign'

/** What is asked for, verified. */
export interface PolicyRequest {
  agent: string
  delegate: string | null
  /** The agent itself, where an agent asks for access to its own API (S§3.5). */
  resource: string
  scope: readonly string[]
}

/**
 * `ask` shows a person the consent page; `deny` refuses with `access_denied`, and names the rule that does for log and
 * audit; `grant` gives the agent a token for itself, without a person, under the policy's name (W19).
 */
export type PolicyDecision = 'ask' | { deny: string } | { grant: string }

/** A pure function of the request. */
export type Policy = (request: PolicyRequest) => PolicyDecision

/** Asks a person, whoever the agent is: nobody gets a token without a decision. */
export const askAlways: Policy = () => 'ask'

/** The refusal of a rule, if the decision is one: the agent is told that it was one, and not which. */
export function denialOf(decision: PolicyDecision): AAuthError | undefined {
  if (decision === 'ask' || 'grant' in decision) return undefined
  const { deny: rule } = decision
  return new AAuthError('policy_denied', `The rule ${rule} denies it.`, { rule })
}

/** The refusal of an agent that an operator blocked. */
export function agentBlocked(cause?: unknown): AAuthError {
  return new AAuthError('agent_blocked', 'The agent is blocked.', { cause })
}
