import { AAuthError } from 'countersign'
import {
  type Danger,
  dangers,
  fitsPattern,
  longestName,
  type PermissionReading,
  type Risk,
  type RiskPatterns,
  readPermission,
} from 'countersign/editions'
import { cleanText } from './plain-text.js'
import { resourceKey } from './resource-id.js'

/** What an agent requests, verified. */
export interface PolicyRequest {
  agent: string
  delegate: string | null
  /**
   * Equal to the agent if it requests access to its own API (S§3.5). Policies receive one form of all spellings of a resource: scheme and host
   * in lower case, no default port, and no trailing slash.
   */
  resource: string
  scope: readonly string[]
}

/**
 * `ask` shows the consent page to a user; `ask-once` too, but permissions to delete or spend can be allowed only for one call; `deny` refuses with `access_denied`, and includes the rule's name for the log and the audit log;
 * `grant` gives the agent a token for itself, without a user, under the policy's name (W19).
 */
export type PolicyDecision = 'ask' | 'ask-once' | { deny: string } | { grant: string }

/** Decides on a request. A pure function. */
export type Policy = (request: PolicyRequest) => PolicyDecision

/** Prompts a user for every agent, so that no agent gets a token without a decision. */
export const alwaysPrompt: Policy = () => 'ask'

/** Returns the refusal if the decision is a denial. The agent learns that a rule denied the request, but not which one. */
export function denialOf(decision: PolicyDecision): AAuthError | undefined {
  if (typeof decision === 'string' || 'grant' in decision) return undefined
  const { deny: rule } = decision
  return new AAuthError('policy_denied', `The rule ${rule} denies this request.`, { rule })
}

/** Whether a policy lets a user allow a scope only for one call: it deletes or spends something. */
export function isOnceOnly(decision: PolicyDecision, scope: readonly string[], readRisk: ReadPermission): boolean {
  return decision === 'ask-once' && dangersOf(scope, readRisk).some((danger) => danger !== 'control')
}

/** Returns the refusal of a request that could be allowed only for one call, but names none. */
export function callMissing(): AAuthError {
  return new AAuthError('policy_denied', 'This may be allowed only for one call, and the resource named none.')
}

/** Returns the refusal for an agent that an operator blocked. */
export function agentBlocked(cause?: unknown): AAuthError {
  return new AAuthError('agent_blocked', 'The agent is blocked.', { cause })
}

/** One rule of the configured policies. */
export interface PolicyRule {
  /**
   * Name of the rule in the log and the audit log, also recorded with the tokens that a `grant` issues. @default its position, as in
   * `policies[2]`
   */
  name?: string | undefined
  /**
   * An agent's identifier. `*` alone matches any agent; within an identifier, it matches characters other than `/`, `:` and `@`. In a rule
   * that denies, an identifier without a path also matches those with a path on the same host.
   */
  agent: string
  /**
   * Name of the only delegate that the rule matches, such as `workload.deploy`. In a rule that denies, it also matches a name that contains the
   * agent, such as `aauth:workload.deploy@jobs.example`. @default the agent itself, and all its delegates
   */
  delegate?: string | undefined
  /** A resource's identifier, with the same wildcards as `agent`. @default '*' */
  resource?: string | undefined
  /**
   * `ask` and `grant` match if every requested permission matches one of these patterns; `deny` and `ask-once` match if any requested
   * permission does.
   * If absent, the rule matches whatever is requested.
   */
  scopes?: readonly string[] | undefined
  decision: 'ask' | 'ask-once' | 'deny' | 'grant'
}

/**
 * Creates a policy in which the first matching rule decides. If no rule matches, another policy decides; by default, the user is prompted.
 * Nothing is ever granted without a rule (W19).
 *
 * Every spelling of a resource has the same outcome, because a resource chooses its spelling itself.
 */
export function policyOfRules(rules: readonly PolicyRule[], otherwise: Policy = alwaysPrompt): Policy {
  if (rules.length === 0 && otherwise === alwaysPrompt) return alwaysPrompt // most servers: no resource is parsed for each request
  const keyed = rules.map((rule) => ({ ...rule, resource: resourceKey(rule.resource ?? '*') }))
  return function configuredPolicy(asked) {
    const request = { ...asked, resource: resourceKey(asked.resource) }
    const index = keyed.findIndex((candidate) => fits(request, candidate))
    const rule = keyed[index]
    if (!rule) return otherwise(request)
    if (rule.decision === 'ask' || rule.decision === 'ask-once') return rule.decision
    const { name, decision } = rule
    return decision === 'grant' && name !== undefined ? { grant: name } : { deny: name ?? `policies[${index}]` }
  }
}

function fits({ agent, delegate, resource, scope }: PolicyRequest, rule: PolicyRule & { resource: string }): boolean {
  const { scopes, decision } = rule
  const isStrict = decision === 'deny' || decision === 'ask-once'
  // Editions name a delegate with or without its agent: a rule that denies or limits it applies to both.
  const names = isStrict ? [delegate, delegate?.replaceAll(/^\w+:|@[^@]*$/g, '')] : [delegate]
  if (rule.delegate !== undefined && !names.includes(rule.delegate)) return false
  // A rule that denies or limits an origin also denies or limits identifiers with a path there, which anyone who controls the origin can invent.
  const isNamed = (identifier: string, pattern: string) =>
    fitsIdentifier(identifier, pattern) || (isStrict && fitsIdentifier(originOf(identifier), pattern))
  if (!isNamed(agent, rule.agent) || !isNamed(resource, rule.resource)) return false
  if (!scopes) return true
  const listed = (value: string) => scopes.some((pattern) => fitsPattern(value, pattern))
  return isStrict ? scope.some(listed) : scope.every(listed)
}

/** The host, with its port, of an identifier that is a URL; undefined for the name of a registered client. */
export function hostOf(identifier: string): string | undefined {
  return URL.canParse(identifier) ? new URL(identifier).host : undefined
}

/**
 * Whether a redirect leads to a program on the user's own device. With `https` as well: the program only needs a certificate that the device
 * trusts.
 */
export function isLoopback(redirectUri: string): boolean {
  const { protocol, hostname } = new URL(redirectUri)
  if (protocol !== 'https:') return protocol === 'http:' // `http` is accepted only on loopback
  return /^(?:(?:.+\.)?localhost|127(?:\.\d+){3}|\[::1\])\.?$/.test(hostname)
}

/** An identifier without its path and query. */
export function originOf(identifier: string): string {
  return /^[^/?]*\/\/[^/?]*/.exec(identifier)?.[0] ?? identifier
}

// A wildcard that matched a slash would let https://evil.example/x.example match https://*.example.
function fitsIdentifier(identifier: string, pattern: string): boolean {
  return pattern === '*' || fitsPattern(identifier, pattern, '/:@')
}

/** How long a permission is granted: a number of seconds, or until the user revokes it. */
export type Duration = number | 'until-removed'

/** What a user can choose: a duration, or one call only. */
export type Extent = Duration | 'once'

/** Permissions that give an agent no access, but reveal who the user is (S§7.4). */
export type IdentityPermission = 'openid' | 'profile' | 'email'

/** A permission as it is shown to users. */
export interface NamedPermission {
  /** The name on the wire, such as `calendar.read`. */
  name: string
  /** The resource's description, at most 200 characters; absent if it does not give one. */
  description?: string | undefined
  /** What the agent learns about the user, described in this server's words. */
  identity?: IdentityPermission | undefined
  /** Whether the permission lets the agent act as the user, rather than only recognize them. */
  actsAs?: boolean | undefined
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
 * Returns the part of the requested scope that an Allow grants. Without `openid`, nothing about the user is revealed, so `profile` and
 * `email` are not granted either, and do not become usable when `openid` is allowed later.
 */
export function grantable(asked: readonly string[]): string[] {
  return asked.filter((name) => asked.includes('openid') || !isIdentityScope(name))
}

/** Returns the permissions that are of no use without this one, after itself. */
export function removedWith(name: string): string[] {
  return name === 'openid' ? [...identityScopes] : [name]
}

/** What a resource says about its permissions. */
interface ResourceWords {
  scopeDescriptions?: Readonly<Record<string, string>> | undefined
  /** Whether `openid` lets an agent act as the user there. @default false */
  actsAs?: boolean | undefined
}

/**
 * Returns permissions with the resource's descriptions and with their risks, which take the operator's risk patterns into account.
 * Permissions that reveal who the user is are described in this server's words.
 */
export function permissionsOf(
  names: readonly string[],
  { scopeDescriptions = {}, actsAs }: ResourceWords,
  readRisk: ReadPermission,
): NamedPermission[] {
  return names.map((name) => {
    if (actsAs && name === 'openid') return { name, identity: name, actsAs, risk: 'change' }
    if (isIdentityScope(name)) return { name, identity: name, risk: readRisk(name).risk }
    const description = cleanText(
      (Object.hasOwn(scopeDescriptions, name) && scopeDescriptions[name]) || '',
      maxDescription,
    )
    return {
      name: cleanText(name, maxDescription),
      risk: readRisk(name).risk,
      description: description === '' ? undefined : description,
    }
  })
}

/** Determines the risk of a permission from its name. */
export type ReadPermission = (name: string) => PermissionReading

const mostCached = 500

/**
 * Creates a server's risk function. It caches results, because pages and decisions look up the same names repeatedly. Scopes that only
 * reveal who the user is have the risk `read`, unless one of the operator's patterns overrides it.
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

/** Returns the dangers among permissions, strongest first. */
export function dangersOf(permissions: readonly string[], readRisk: ReadPermission): Danger[] {
  const risks = new Set(permissions.map((name) => readRisk(name).risk))
  return dangers.filter((danger) => risks.has(danger))
}
