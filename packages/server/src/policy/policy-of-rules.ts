import { fitsPattern } from './fits-pattern.js'
import { askAlways, type Policy, type PolicyRequest } from './policy.js'

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
