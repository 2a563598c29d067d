import type { Permission } from '../pages/models.js'
import { cleanText } from '../pages/plain-text.js'
import { type RiskPatterns, riskOf } from '../risk.js'

const maxDescription = 200

/** Names of permissions with the resource's words for them and the operator's judgement of their risk. */
export function permissionsOf(
  names: readonly string[],
  descriptions: Readonly<Record<string, string>>,
  risks: RiskPatterns,
): Permission[] {
  return names.map((name) => {
    const description = cleanText(Object.hasOwn(descriptions, name) ? (descriptions[name] ?? '') : '', maxDescription)
    return {
      name: cleanText(name, maxDescription),
      risk: riskOf(name, risks),
      ...(description === '' ? {} : { description }),
    }
  })
}
