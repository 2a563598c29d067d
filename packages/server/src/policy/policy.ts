import { AAuthError } from 'countersign'
import { fitsPattern } from './risk.js'

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

/** A line of the configured policies. */
export interface PolicyRule {
  /** What log and audit call it, and what is recorded with the tokens that a `grant` gives. @default its place, as `policies[2]` */
  name?: string | undefined
  /** An agent's identifier; `*` alone is any agent, elsewhere it stands for characters without `/`, `:` and `@`. */
  agent: string
  /** A resource's identifier, as `agent`. @default '*' */
  resource?: string | undefined
  /** `ask` and `grant` need every permission asked for to fit one of these, `deny` any. Absent: whatever is asked. */
  scopes?: readonly string[] | undefined
  decision: 'ask' | 'deny' | 'grant'
}

/**
 * The first rule that fits decides; where none does, another policy: by default, a person is asked. Nothing is ever granted
 * without a rule (W19).
 */
export function policyOfRules(rules: readonly PolicyRule[], otherwise: Policy = askAlways): Policy {
  return function configuredPolicy(request) {
    const index = rules.findIndex((candidate) => fits(request, candidate))
    const rule = rules[index]
    if (!rule) return otherwise(request)
    if (rule.decision === 'ask') return 'ask'
    const { name, decision } = rule
    return decision === 'grant' && name !== undefined ? { grant: name } : { deny: name ?? `policies[${index}]` }
  }
}

function fits({ agent, resource, scope }: PolicyRequest, rule: PolicyRule): boolean {
  if (!fitsIdentifier(agent, rule.agent) || !fitsIdentifier(resource, rule.resource ?? '*')) return false
  const { scopes, decision } = rule
  if (!scopes) return true
  const listed = (value: string) => scopes.some((pattern) => fitsPattern(value, pattern))
  return decision === 'deny' ? scope.some(listed) : scope.every(listed)
}

// A wildcard that crossed a slash would let https://evil.example/x.example fit https://*.example.
function fitsIdentifier(identifier: string, pattern: string): boolean {
  return pattern === '*' || fitsPattern(identifier, pattern, '/:@')
}

/** How long something is allowed for: seconds, or for as long as the person does not remove it. */
export type Duration = number | 'until-removed'
