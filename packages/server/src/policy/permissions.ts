import { cleanText } from './plain-text.js'
import { type RiskPatterns, riskOf } from './risk.js'
import type { Risk } from './risk-order.js'

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

/** Where the operator says nothing of them: they give no access. */
const identityRisks: RiskPatterns = identityScopes.map((scope) => [scope, 'read'])

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
  risks: RiskPatterns,
): NamedPermission[] {
  return names.map((name) => {
    if (isIdentityScope(name)) return { name, identity: name, risk: riskOf(name, [...risks, ...identityRisks]) }
    const description = cleanText(Object.hasOwn(descriptions, name) ? (descriptions[name] ?? '') : '', maxDescription)
    return {
      name: cleanText(name, maxDescription),
      risk: riskOf(name, risks),
      description: description === '' ? undefined : description,
    }
  })
}
