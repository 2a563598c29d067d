import type { Permission } from '../pages/models.js'
import { cleanText } from '../pages/plain-text.js'
import { isIdentityScope } from '../token/identity-claims.js'
import { type RiskPatterns, riskOf } from './risk.js'

const maxDescription = 200

/** Where the operator says nothing of them: they give no access. */
const identityRisks: RiskPatterns = [
  ['openid', 'read'],
  ['profile', 'read'],
  ['email', 'read'],
]

/**
 * Names of permissions with the resource's words for them and the operator's judgement of their risk. What tells an agent
 * who the person is has this server's own words.
 */
export function permissionsOf(
  names: readonly string[],
  descriptions: Readonly<Record<string, string>>,
  risks: RiskPatterns,
): Permission[] {
  return names.map((name) => {
    if (isIdentityScope(name)) return { name, identity: name, risk: riskOf(name, [...risks, ...identityRisks]) }
    const description = cleanText(Object.hasOwn(descriptions, name) ? (descriptions[name] ?? '') : '', maxDescription)
    return {
      name: cleanText(name, maxDescription),
      risk: riskOf(name, risks),
      ...(description === '' ? {} : { description }),
    }
  })
}
