import { fitsPattern } from './fits-pattern.js'
import type { Risk } from './pages/models.js'

/** Which names of permissions mean what; the first pattern that fits decides. `*` stands for any characters. */
export type RiskPatterns = readonly (readonly [pattern: string, risk: Risk])[]

/** Names that fit none are a change. */
export const defaultRisks: RiskPatterns = [
  ['*.read', 'read'],
  ['*.delete', 'delete_or_spend'],
  ['pay*', 'delete_or_spend'],
  ['*.write', 'change'],
]

/** What a permission lets an agent do, judged by the operator's patterns, never by what the resource says. */
export function riskOf(permission: string, patterns: RiskPatterns): Risk {
  const match = patterns.find(([pattern]) => fitsPattern(permission, pattern))
  return match?.[1] ?? 'change'
}
