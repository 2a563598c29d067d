import { cleanText } from './plain-text.js'
import { longestName, type PermissionReading, type RiskPatterns, readPermission } from './risk.js'
import { type Danger, dangers, type Risk } from './risk-order.js'

/** Permissions that give an agent no access, but tell it who the person is (S§7.4). */
export type IdentityPermission = 'openid' | 'profile' | 'email'

/** A permission as people read it. */
export interface NamedPermission {
  /** The name on the wire, such as `calendar.read`. */
  name: string
  /** The resource's words, at most 200 characters; absent: it gives none. */
  description?: string | undefined
  /** What the agent learns about the person, in this server's own words. */
  identity?: IdentityPermission | undefined
  risk: Risk
}

const maxDescription = 200

/** Scopes that control what is told about the person, not access to a resource (S§7.4). */
const identityScopes: readonly IdentityPermission[] = ['openid', 'profile', 'email']

/** Whether a scope value controls what is told about the person. */
export function isIdentityScope(value: string): value is IdentityPermission {
  return identityScopes.some((scope) => scope === value)
}

/**
 * What an Allow gives of what is asked for: without `openid` nothing is told about the person, so that a `profile` or
 * `email` beside it is not given either, and cannot be used once `openid` is allowed too.
 */
export function grantable(asked: readonly string[]): string[] {
  return asked.filter((name) => asked.includes('openid') || !isIdentityScope(name))
}

/**
 * Names of permissions with the resource's words for them and the operator's judgement of their risk. Permissions
 * that reveal who the person is are described in this server's own words.
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
