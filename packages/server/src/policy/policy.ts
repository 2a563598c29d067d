import { AAuthError } from 'countersign'
import { cleanText } from './plain-text.js'
import { fitsPattern, longestName, type PermissionReading, type RiskPatterns, readPermission } from './risk.js'
import { type Danger, dangers, type Risk } from './risk-order.js'

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

/** How long something is allowed for: seconds, or until the user revokes it. */
export type Duration = number | 'until-removed'

/** Permissions that give an agent no access, but reveal who the user is (S§7.4). */
export type IdentityPermission = 'openid' | 'profile' | 'email'

/** A permission as users read it. */
export interface NamedPermission {
  /** The name on the wire, such as `calendar.read`. */
  name: string
  /** The resource's words, at most 200 characters; absent: it gives none. */
  description?: string | undefined
  /** What the agent learns about the user, in this server's words. */
  identity?: IdentityPermission | undefined
  risk: Risk
}

const maxDescription = 200

/** Scopes that control what is revealed about the user, not access to a resource (S§7.4). */
const identityScopes: readonly IdentityPermission[] = ['openid', 'profile', 'email']

/** Whether a scope value controls what is revealed about the user. */
export function isIdentityScope(value: string): value is IdentityPermission {
  return identityScopes.some((scope) => scope === value)
}

/**
 * What an Allow grants of the requested scope: without `openid` nothing about the user is revealed, so `profile` and `email`
 * are not granted either, and cannot be used once `openid` is allowed later.
 */
export function grantable(asked: readonly string[]): string[] {
  return asked.filter((name) => asked.includes('openid') || !isIdentityScope(name))
}

/**
 * Names of permissions with the resource's words for them and the operator's judgement of their risk. Permissions
 * that reveal who the user is are described in this server's words.
 */
export function permissionsOf(
  names: readonly string[],
  descriptions: Readonly<Record<string, string>>,
  readRisk: ReadPermission,
): NamedPermission[] {
  return names.map((name) => {
    if (isIdentityScope(name)) return { name, identity: name, risk: readRisk(name).risk }
    const description = cleanText(Object.hasOwn(descriptions, name) ? (descriptions[name] ?? '') : '', maxDescription)
    return {
      name: cleanText(name, maxDescription),
      risk: readRisk(name).risk,
      description: description === '' ? undefined : description,
    }
  })
}

/** Judges a permission by its name. */
export type ReadPermission = (name: string) => PermissionReading

const mostCached = 500

/**
 * Creates the judgement of a server, which caches what it read: pages and decisions read the same names repeatedly. Scopes that
 * only reveal who the user is are for reading, unless a pattern of the operator's says otherwise.
 */
export function createPermissionReader(patterns: RiskPatterns): ReadPermission {
  const readings = new Map<string, PermissionReading>()
  return (name) => {
    const cached = readings.get(name)
    if (cached) return cached
    const reading = readPermission(name, isIdentityScope(name) ? [...patterns, [name, 'read']] : patterns)
    if (readings.size >= mostCached) readings.clear()
    if (name.length <= longestName) readings.set(name, reading)
    return reading
  }
}

/** The dangers among permissions, the strongest first. */
export function dangersOf(permissions: readonly string[], readRisk: ReadPermission): Danger[] {
  const risks = new Set(permissions.map((name) => readRisk(name).risk))
  return dangers.filter((danger) => risks.has(danger))
}
